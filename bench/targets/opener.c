/* Opens each library that a line of its input names, and says so: the last step of a reload that goes
 * through the dynamic linker. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    char path[4096];

    puts("ready");
    fflush(stdout);
    while (fgets(path, sizeof path, stdin) != NULL) {
        path[strcspn(path, "\n")] = '\0';
        puts(dlopen(path, RTLD_NOW | RTLD_GLOBAL) != NULL ? "1" : dlerror());
        fflush(stdout);
    }
    return 0;
}
