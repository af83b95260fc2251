/* Fetching through libcurl: see fetch.h. */
#include "core/fetch/fetch.h"

#include "core/base/fs.h"
#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/sys.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { REDIRECTS = 5, CONNECT_SECONDS = 30, SLOW_BYTES = 1000, HEAD = 512 };

struct transfer {
    const struct fetch *f;
    CURL *curl;
    char *part; // PATH.part
    int fd;
    long long have; // bytes in the part
    int disk_error; // errno of a failed write
    bool large;     // more than the limit came
    char text[CURL_ERROR_SIZE];
    struct err *e;
};

/* ---- the part ---- */

static int part_open(struct transfer *t)
{
    struct stat there, named;
    t->fd = sys_open(t->part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (t->fd < 0)
        return err_sys(t->e, "unable to open '%s'", t->part);
    // Whoever held it may have given it its name meanwhile: then this is no longer the part.
    if (flock(t->fd, LOCK_EX | LOCK_NB) < 0 || fstat(t->fd, &there) < 0 ||
        stat(t->part, &named) < 0 || there.st_ino != named.st_ino)
        return err_set(t->e, ERR_BUSY, "another process is fetching '%s'", t->f->path);
    t->have = there.st_size;
    return 0;
}

static int part_empty(struct transfer *t)
{
    t->have = 0;
    return ftruncate(t->fd, 0) < 0 ? err_sys(t->e, "unable to empty '%s'", t->part) : 0;
}

static void part_remove(struct transfer *t)
{
    unlink(t->part);
}

/* ---- the transfer ---- */

static size_t on_data(char *data, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    long status = 0;
    size_t done = 0;
    n *= size;
    curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200 && status != 206)
        return n; // the text of an error is not the file's
    if ((long long)n > t->f->limit - t->have) {
        t->large = true;
        return 0;
    }
    while (done < n) {
        ssize_t wrote = sys_pwrite(t->fd, data + done, n - done, (off_t)t->have);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0) {
            t->disk_error = errno;
            return 0;
        }
        done += (size_t)wrote;
        t->have += wrote;
    }
    return n;
}

static int on_progress(void *arg, curl_off_t total, curl_off_t now, curl_off_t up, curl_off_t sent)
{
    const struct transfer *t = arg;
    (void)up;
    (void)sent;
    // `total` and `now` are of this transfer: what was there before is not in them
    if (t->f->progress)
        t->f->progress(t->f->arg, t->have, total > 0 ? t->have - now + total : 0);
    return 0;
}

static const char *certificates(void)
{
    const char *names[] = {"CURL_CA_BUNDLE", "SSL_CERT_FILE"};
    for (int i = 0; i < 2; i++) {
        const char *file = getenv(names[i]);
        if (file && *file)
            return file;
    }
    return NULL;
}

static void set_options(struct transfer *t)
{
    CURL *c = t->curl;
    const bool plain = str_starts(t->f->url, "http://");
    curl_easy_setopt(c, CURLOPT_URL, t->f->url);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, plain ? "http,https" : "https");
    curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, plain ? "http,https" : "https");
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(c, CURLOPT_MAXREDIRS, (long)REDIRECTS);
    curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(c, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, (long)SLOW_BYTES);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, t->f->patience);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "promptgrid/" PROMPTGRID_VERSION);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, t->text);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(c, CURLOPT_XFERINFODATA, t);
    if (certificates())
        curl_easy_setopt(c, CURLOPT_CAINFO, certificates());
}

/* What a failed transfer means. What came stays for the next try, unless it is of no use. */
static int explain(struct transfer *t, CURLcode code)
{
    const char *url = t->f->url;
    const char *why = *t->text ? t->text : curl_easy_strerror(code);
    errno = t->disk_error;
    if (t->disk_error)
        return err_sys(t->e, "unable to write '%s'", t->part);
    if (t->large || code == CURLE_FILESIZE_EXCEEDED) {
        part_remove(t);
        return err_set(t->e, ERR_RANGE, "'%s' has more than the %lld bytes allowed", url,
                       t->f->limit);
    }
    switch (code) {
    case CURLE_UNSUPPORTED_PROTOCOL:
        return err_set(t->e, ERR_SYS,
                       "'%s' leads to an address that is not %s, which is not followed: %s", url,
                       str_starts(url, "http://") ? "http or https" : "https", why);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
        return err_set(t->e, ERR_SYS,
                       "no trusted connection for '%s': %s; a company's own certificates can be "
                       "named in CURL_CA_BUNDLE",
                       url, why);
    case CURLE_OPERATION_TIMEDOUT:
        return err_set(t->e, ERR_SYS,
                       "'%s' comes too slowly: %s; %lld bytes are kept and the same command goes "
                       "on from there",
                       url, why, t->have);
    default:
        return err_set(t->e, ERR_SYS,
                       "unable to fetch '%s': %s; %lld bytes are kept and the same command goes on "
                       "from there",
                       url, why, t->have);
    }
}

/* The rest of the part, or all of it where the server gives no rest. */
static int transfer_run(struct transfer *t)
{
    *t->text = 0;
    curl_easy_setopt(t->curl, CURLOPT_RESUME_FROM_LARGE, (curl_off_t)t->have);
    CURLcode code = curl_easy_perform(t->curl);
    if (code == CURLE_RANGE_ERROR && t->have) {
        if (part_empty(t) < 0)
            return t->e->code;
        return transfer_run(t);
    }
    return code == CURLE_OK ? 0 : explain(t, code);
}

/* ---- the file ---- */

/* What came instead: pages of text where data should be are worth a word. */
static const char *looks_like(const struct transfer *t)
{
    char head[HEAD + 1] = {0};
    ssize_t n = pread(t->fd, head, HEAD, 0);
    for (ssize_t i = 0; i < n; i++)
        if (head[i] == '<')
            return strcasestr(head, "<html") || strcasestr(head, "<!doctype html")
                       ? "; it is a web page"
                       : "";
        else if (!strchr(" \t\r\n", head[i]))
            break;
    return "";
}

/* 1: it has the right hash. 0: it has not. */
static int part_check(struct transfer *t, char found[HASH_HEX])
{
    if (sys_fsync(t->fd) < 0)
        return err_sys(t->e, "unable to write '%s'", t->part);
    int rc = hash_file(found, t->part, t->e);
    return rc < 0 ? rc : str_eq(found, t->f->sha256);
}

static int part_place(struct transfer *t)
{
    char *folder = fs_folder(t->f->path);
    if (sys_rename(t->part, t->f->path) < 0) {
        err_sys(t->e, "unable to rename '%s' to '%s'", t->part, t->f->path);
    } else {
        int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || sys_fsync(fd) < 0)
            err_sys(t->e, "unable to write '%s'", folder);
        if (fd >= 0)
            close(fd);
    }
    free(folder);
    return t->e->code;
}

static int fetch_checked(struct transfer *t)
{
    char found[HASH_HEX];
    const bool resumed = t->have > 0;
    int rc = transfer_run(t);
    if (rc < 0 || (rc = part_check(t, found)) < 0)
        return rc;
    if (!rc && resumed) { // what was there may be of another file: once more from the start
        if ((rc = part_empty(t)) < 0 || (rc = transfer_run(t)) < 0 ||
            (rc = part_check(t, found)) < 0)
            return rc;
    }
    if (rc)
        return part_place(t);
    err_set(t->e, ERR_CORRUPT,
            "'%s' is not the file that was published: %lld bytes with SHA-256 %s, expected %s%s; "
            "it was removed",
            t->f->url, t->have, found, t->f->sha256, looks_like(t));
    part_remove(t);
    return t->e->code;
}

int fetch_file(const struct fetch *f, struct err *e)
{
    static bool ready;
    struct transfer t = {.f = f, .fd = -1, .part = str_format("%s.part", f->path), .e = e};
    int rc = 0;
    *e = (struct err){0};
    if (!ready && curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
        BUG("libcurl does not start");
    ready = true;
    if (!str_starts(f->url, "https://") && !str_starts(f->url, "http://")) {
        rc = err_set(e, ERR_USAGE, "'%s' is no address: expected https://...", f->url);
        goto out;
    }
    if ((rc = part_open(&t)) < 0)
        goto out;
    t.curl = curl_easy_init();
    BUG_IF(!t.curl);
    set_options(&t);
    rc = fetch_checked(&t);
out:
    curl_easy_cleanup(t.curl);
    if (t.fd >= 0)
        close(t.fd);
    free(t.part);
    return rc;
}
