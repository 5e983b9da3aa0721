/** Everything at once: strings, floats, tables, switches, calls of every kind. */
export const SUBJECT = `
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define NOINLINE __attribute__((noinline, noclone))
struct item { const char *name; int (*fn)(int); double weight; };
extern int open_elsewhere(int);
extern int data_elsewhere;
static int counter, table[16];
int open_data = 3;
static NOINLINE int small(int x) { return x + 1; }
NOINLINE int strings(int x) { static const char *const names[] = {"zero", "one", "two"}; puts(names[x % 3]); return printf("%s and %d\\n", "text", x); }
NOINLINE double floats(double x) { return x * 1.25 + fabs(-x) / 3.5f + sqrt(x + 2.0); }
NOINLINE int switches(int x) {
  switch (x) {
  case 0: return counter; case 1: return counter * 3; case 2: counter += 5; return 1; case 3: return open_data;
  case 4: return small(x); case 5: return table[3]; case 6: table[2] = x; return 9; case 7: return -x; default: return 4; }
}
NOINLINE int maps(int x) { switch (x) { case 0: return 5; case 1: return 17; case 2: return 3; case 3: return 99; case 4: return 42; default: return -1; } }
NOINLINE int loops(int n) { int s = 0; for (int i = 0; i < n; i++) { s += table[i & 15] * i; if (s > 1000) s = small(s); } return s; }
static const struct item items[] = {{"first", small, 0.5}, {"second", maps, 1.5}};
NOINLINE int indirect(int x) { return items[x & 1].fn(x) + (int)items[x & 1].weight + items[0].name[0]; }
NOINLINE int foreign(int x) { data_elsewhere += open_elsewhere(x); return open_elsewhere(x + 1) + data_elsewhere; }
NOINLINE void *library(size_t n) { char *p = malloc(n); if (p == 0) abort(); memset(p, 3, n); return strchr(p, 3); }
NOINLINE int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
NOINLINE void sorts(void) { qsort(table, 16, sizeof *table, compare); fflush(stdout); }
NOINLINE int fibonacci(int x) { return x < 2 ? 1 : fibonacci(x - 1) + fibonacci(x - 2); }
static NOINLINE int even(int x); static NOINLINE int odd(int x) { return x == 0 ? 0 : even(x - 1) + counter; }
static NOINLINE int even(int x) { return x == 0 ? 1 : odd(x - 1) * 3; }
NOINLINE int uses_statics(int x) { static int calls; static long sums[4]; sums[x & 3] += ++calls; return even(x) + (int)sums[1]; }
NOINLINE int gotos(const unsigned char *p) { static const void *const labels[] = {&&a, &&b, &&c}; int x = 0; goto *labels[*p++]; a: x++; goto *labels[*p++]; b: x *= 2; goto *labels[*p++]; c: return x; }
void use(void) { strings(1); floats(2); switches(3); maps(1); loops(4); indirect(1); foreign(2); library(3); sorts(); fibonacci(4); uses_statics(5); gotos((const unsigned char *)"\\1\\0\\2"); }
`;
export const ELSEWHERE = 'int data_elsewhere = 4; int open_elsewhere(int x) { return x * 2; }';
