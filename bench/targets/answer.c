/* The function that is patched. Compiled twice into each target, under two names: one for hcr, one
   for the gdb script. VERSION tells the bodies apart and changes no instruction. */
#ifndef VERSION
#define VERSION 1
#endif
#ifndef FUNCTION
#define FUNCTION answer
#endif

int FUNCTION(void)
{
    return VERSION;
}
