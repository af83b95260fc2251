/* libcurl: see transfer.h. */
#include "core/fetch/transfer.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/sys.h"
#include "core/fetch/confirm.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { REDIRECTS = 5, CONNECT_SECONDS = 30, SLOW_BYTES = 1000, PAGE_LIMIT = 1 << 20 };

/* ---- which version of the file the part is of ---- */

/* PATH.part.from holds the address and what the server calls the version, a line each. */
static char *known_version(const struct transfer *t)
{
    char *text, *version = NULL;
    if (fs_read(&text, NULL, t->from, PAGE_LIMIT, &(struct err){0}) < 0)
        return NULL;
    char *line = strchr(text, '\n');
    if (line) {
        *line = 0;
        line[1 + strcspn(line + 1, "\n")] = 0;
        if (str_eq(text, t->f->url) && line[1])
            version = mem_strdup(line + 1);
    }
    free(text);
    return version;
}

/* What cannot be remembered is only fetched again. */
static void remember_version(const struct transfer *t)
{
    char *text = t->version ? str_format("%s\n%s\n", t->f->url, t->version) : NULL;
    if (!text || fs_write(t->from, text, strlen(text), &(struct err){0}) < 0)
        unlink(t->from);
    free(text);
}

int transfer_empty(struct transfer *t)
{
    t->have = 0;
    unlink(t->from);
    return ftruncate(t->fd, 0) < 0 ? err_sys(t->e, "unable to empty '%s'", t->part) : 0;
}

/* ---- what libcurl calls ---- */

static long status_of(const struct transfer *t)
{
    long status = 0;
    curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static bool answered(const struct transfer *t)
{
    return status_of(t) == 200 || status_of(t) == 206;
}

static int write_part(struct transfer *t, const char *data, size_t n)
{
    while (n) {
        ssize_t wrote = sys_pwrite(t->fd, data, n, (off_t)t->have);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0) {
            t->disk_error = errno;
            return -1;
        }
        data += wrote;
        n -= (size_t)wrote;
        t->have += wrote;
    }
    return 0;
}

static size_t on_data(char *data, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    n *= size;
    if (!answered(t))
        return n; // the text of an error is not the file's
    if (t->page) {
        if (n > PAGE_LIMIT - t->page->size)
            return 0;
        str_addn(t->page, data, n);
        return n;
    }
    if ((long long)n > t->f->limit - t->have) {
        t->large = true;
        return 0;
    }
    if (t->have == 0)
        remember_version(t);
    return write_part(t, data, n) < 0 ? 0 : n;
}

/* The value of a header, yours to free(), or NULL. */
static char *header_value(const char *line, size_t n, const char *name)
{
    size_t length = strlen(name);
    if (n <= length || strncasecmp(line, name, length))
        return NULL;
    const char *start = line + length, *end = line + n;
    while (start < end && strchr(" \t", *start))
        start++;
    while (end > start && strchr(" \t\r\n", end[-1]))
        end--;
    return end > start ? mem_strndup(start, (size_t)(end - start)) : NULL;
}

/* A strong ETag or else the date names the version; of several answers the last counts. */
static size_t on_header(char *line, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    n *= size;
    if (n > 5 && !strncasecmp(line, "HTTP/", 5)) {
        free(t->version);
        t->version = NULL;
    }
    char *tag = header_value(line, n, "ETag:"), *date = header_value(line, n, "Last-Modified:");
    if (tag && *tag == '"') {
        free(t->version);
        t->version = tag;
        tag = NULL;
    } else if (date && !t->version) {
        t->version = date;
        date = NULL;
    }
    free(tag);
    free(date);
    return n;
}

static int on_progress(void *arg, curl_off_t total, curl_off_t now, curl_off_t up, curl_off_t sent)
{
    const struct transfer *t = arg;
    (void)up;
    (void)sent;
    // `total` and `now` are of this transfer: what was there before is not in them
    long long all = total > 0 ? t->have - now + total : t->f->bytes;
    if (t->f->progress && !t->page)
        t->f->progress(t->f->arg, t->have, all);
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

/* ---- a transfer ---- */

void transfer_open(struct transfer *t)
{
    static bool ready;
    if (!ready && curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
        BUG("libcurl does not start");
    ready = true;
    CURL *c = t->curl = curl_easy_init();
    BUG_IF(!c);
    const bool plain = str_starts(t->f->url, "http://");
    t->url = mem_strdup(t->f->url);
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
    curl_easy_setopt(c, CURLOPT_COOKIEFILE, ""); // kept while this transfer lasts
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, t->text);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(c, CURLOPT_XFERINFODATA, t);
    if (certificates())
        curl_easy_setopt(c, CURLOPT_CAINFO, certificates());
}

void transfer_close(struct transfer *t)
{
    curl_easy_cleanup(t->curl);
    free(t->url);
    free(t->version);
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
        unlink(t->part);
        unlink(t->from);
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

static CURLcode perform(struct transfer *t, long long from)
{
    char *version = from ? known_version(t) : NULL;
    char *line = version ? str_format("If-Range: %s", version) : NULL;
    struct curl_slist *headers = line ? curl_slist_append(NULL, line) : NULL;
    *t->text = 0;
    curl_easy_setopt(t->curl, CURLOPT_URL, t->url);
    curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(t->curl, CURLOPT_RESUME_FROM_LARGE, (curl_off_t)from);
    CURLcode code = curl_easy_perform(t->curl);
    curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);
    free(line);
    free(version);
    return code;
}

/* Take the address that the page leads to; a second page is not answered. */
static bool answer(struct transfer *t, const char *page)
{
    char *effective = NULL, *url;
    curl_easy_getinfo(t->curl, CURLINFO_EFFECTIVE_URL, &effective);
    if (t->confirmed || !(url = confirm_url(page, effective ? effective : t->url)))
        return false;
    t->confirmed = true;
    free(t->url);
    t->url = url;
    return true;
}

bool transfer_follow(struct transfer *t)
{
    char *page;
    bool follows =
        t->have <= PAGE_LIMIT && fs_read(&page, NULL, t->part, PAGE_LIMIT, &(struct err){0}) == 0;
    if (!follows)
        return false;
    follows = answer(t, page);
    free(page);
    return follows && transfer_empty(t) == 0;
}

/* A part is there and the answer was whole: it may have been the page instead of the file. */
static bool page_came(struct transfer *t)
{
    const char *type = NULL;
    struct str page = STR_INIT;
    curl_easy_getinfo(t->curl, CURLINFO_CONTENT_TYPE, &type);
    if (t->confirmed || !type || !str_starts(type, "text/html"))
        return false;
    t->page = &page;
    bool follows = perform(t, 0) == CURLE_OK && answer(t, page.data);
    t->page = NULL;
    str_release(&page);
    return follows;
}

int transfer_run(struct transfer *t)
{
    CURLcode code = perform(t, t->have);
    if (code == CURLE_RANGE_ERROR && t->have) {
        if (!page_came(t) && transfer_empty(t) < 0)
            return t->e->code;
        return transfer_run(t);
    }
    // There is nothing behind what is there: it is whole, or its check says that it is not.
    if (code == CURLE_HTTP_RETURNED_ERROR && t->have && status_of(t) == 416)
        return 0;
    return code == CURLE_OK ? 0 : explain(t, code);
}
