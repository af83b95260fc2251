/* See image_look.h. */
#include "core/data/image_look.h"

#include "core/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEAD = 64 };

static const struct {
    const char *kind;
    size_t at, n;
    const char *bytes;
    const char *names[3]; // ends of names; the first two of what is readable
} kinds[] = {
    {"JPEG", 0, 3, "\xff\xd8\xff", {".jpg", ".jpeg", ".JPEG"}},
    {"PNG", 0, 8, "\x89PNG\r\n\x1a\n", {".png", NULL}},
    {"GIF", 0, 4, "GIF8", {NULL}},
    {"WebP", 8, 4, "WEBP", {NULL}},
    {"BMP", 0, 2, "BM", {NULL}},
    {"TIFF", 0, 4, "II*\0", {NULL}},
    {"TIFF", 0, 4, "MM\0*", {NULL}},
    {"a web page", 0, 5, "<html", {NULL}},
    {"a web page", 0, 9, "<!DOCTYPE", {NULL}},
};

static bool has_end(const char *path, const char *const ends[3])
{
    const size_t n = strlen(path);
    for (int i = 0; i < 3 && ends[i]; i++) {
        const size_t length = strlen(ends[i]);
        if (n > length && !strcasecmp(path + n - length, ends[i]))
            return true;
    }
    return false;
}

int image_look(struct image_look *out, const char *path, struct err *e)
{
    char head[HEAD] = {0};
    struct stat s;
    *out = (struct image_look){.kind = "of no known kind"};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &s) < 0 || !S_ISREG(s.st_mode)) {
        const bool missing = fd >= 0 || errno == ENOENT || errno == ENOTDIR;
        int rc = fd < 0 && !missing ? err_sys(e, "unable to open '%s'", path)
                                    : err_set(e, ERR_MISSING, "'%s' is not there", path);
        if (fd >= 0)
            close(fd);
        return rc;
    }
    const ssize_t n = pread(fd, head, HEAD, 0);
    close(fd);
    if (n < 0)
        return err_sys(e, "unable to read '%s'", path);
    if (n == 0)
        out->kind = "empty";
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if ((size_t)n < kinds[i].at + kinds[i].n ||
            memcmp(head + kinds[i].at, kinds[i].bytes, kinds[i].n))
            continue;
        out->kind = kinds[i].kind;
        out->readable = kinds[i].names[0] != NULL;
        out->misnamed = out->readable && !has_end(path, kinds[i].names);
        break;
    }
    return 0;
}
