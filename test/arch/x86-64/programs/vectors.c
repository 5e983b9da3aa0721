/* Something for gcc to use every kind of instruction on. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

double dot(const double *a, const double *b, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
  return sum;
}
void scale(float *restrict a, const float *restrict b, float by, size_t n) {
  for (size_t i = 0; i < n; i++) a[i] = b[i] > 0 ? b[i] * by : a[i] - by;
}
uint32_t hash(const uint8_t *p, size_t n) {
  uint32_t h = 2166136261u;
  for (size_t i = 0; i < n; i++) h = (h ^ p[i]) * 16777619u, h = h << 7 | h >> 25;
  return h;
}
void sort(int *a, int n) {
  for (int i = 1; i < n; i++) {
    int x = a[i], j = i;
    for (; j > 0 && a[j - 1] > x; j--) a[j] = a[j - 1];
    a[j] = x;
  }
}
int classify(int c) {
  switch (c) {
    case 0: return 11; case 1: return 17; case 2: return c * 31; case 3: return 5;
    case 4: return -c; case 5: return ~c; case 6: return c / 7; case 7: return c % 9;
    default: return c > 100 ? 1 : -1;
  }
}
int64_t mix(int64_t a, int32_t b, int16_t c, int8_t d, uint64_t e) {
  return a * b + (c ? c - d : e >> (b & 63)) + __builtin_popcountll(e) + __builtin_clzll(a | 1) +
         __builtin_bswap64(e) + (int64_t)((__int128)a * b >> 64);
}
double convert(int64_t a, float b, double c, uint32_t d) {
  return (double)a + b / c - (double)d + (int)c + (float)d * __builtin_sqrt(c) + __builtin_floor(c);
}
void compress(uint8_t *out, const uint16_t *in, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = in[i] > 255 ? 255 : in[i];
}
long count(const char *s, char c) {
  long n = 0;
  for (size_t i = 0; i < 1024; i++) n += s[i] == c;
  return n;
}
void *move(void *a, const void *b, size_t n) { return memmove(a, b, n); }
