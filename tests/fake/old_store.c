/* The SQL that makes an empty store of an older version: old-store VERSION | sqlite3 FILE */
#include "core/base/str.h"
#include "results/store_internal.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    long version = 0;
    if (argc != 2 || !str_to_long(argv[1], 1, STORE_VERSION, &version))
        return 2;
    for (long v = 0; v < version; v++)
        printf("%s\n", store__migrations[v]);
    printf("PRAGMA application_id = %d; PRAGMA user_version = %ld;\n", STORE_APPLICATION, version);
    return 0;
}
