/* SHA-256 and MD5 through OpenSSL's EVP interface: see hash.h. */
#include "core/base/hash.h"

#include "core/base/fs.h"

#include <openssl/evp.h>
#include <pthread.h>

/* Fetched once: to look the algorithm up takes longer than to hash a spec. */
static const EVP_MD *sha256;

static void fetch(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

struct hash *hash_new(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, fetch);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (!context || EVP_DigestInit_ex(context, sha256, NULL) != 1)
        BUG("SHA-256 is not available in libcrypto");
    return (struct hash *)context;
}

void hash_add(struct hash *h, const void *data, size_t size)
{
    if (EVP_DigestUpdate((EVP_MD_CTX *)h, data, size) != 1)
        BUG("SHA-256 failed");
}

static void as_hex(char *out, const unsigned char *digest, size_t bytes)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes; i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 15];
    }
    out[2 * bytes] = 0;
}

void hash_end(struct hash *h, char out[HASH_HEX])
{
    unsigned char digest[32];
    if (EVP_DigestFinal_ex((EVP_MD_CTX *)h, digest, NULL) != 1)
        BUG("SHA-256 failed");
    EVP_MD_CTX_free((EVP_MD_CTX *)h);
    as_hex(out, digest, sizeof digest);
}

void hash_bytes(char out[HASH_HEX], const void *data, size_t size)
{
    struct hash *h = hash_new();
    hash_add(h, data, size);
    hash_end(h, out);
}

int hash_file(char out[HASH_HEX], const char *path, struct err *e)
{
    struct fs_map m;
    int rc = fs_map_open(&m, path, e);
    if (rc < 0)
        return rc;
    hash_bytes(out, m.data, m.size);
    fs_map_close(&m);
    return 0;
}

int hash_file_md5(char out[HASH_MD5_HEX], const char *path, struct err *e)
{
    unsigned char digest[16];
    struct fs_map m;
    int rc = fs_map_open(&m, path, e);
    if (rc < 0)
        return rc;
    if (EVP_Digest(m.data, m.size, digest, NULL, EVP_md5(), NULL) == 1)
        as_hex(out, digest, sizeof digest);
    else // as where only approved algorithms may run
        rc = err_set(e, ERR_MISSING, "MD5 is not available here, so '%s' cannot be checked", path);
    fs_map_close(&m);
    return rc;
}
