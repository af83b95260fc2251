/*
 * Decoding to 8-bit RGB: see image.h. Conversions are Pillow's (spec/image-preprocess.md section
 * 1): alpha is dropped, not composited; CMYK JPEGs are taken as inverted; a 16-bit grey PNG is
 * clipped, other 16-bit ones lose the low byte.
 *
 * libjpeg and libpng report errors by a callback that must not return: it stores the text and
 * longjmps to the decoder's one setjmp. Everything that must be freed then hangs off a struct that
 * outlives the jump.
 */
#include "core/data/image.h"

#include "core/base/fs.h"
#include "core/base/mem.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>
#include <png.h>

enum { FILE_LIMIT = 1 << 30 }; // bytes
static const uint64_t PIXEL_LIMIT = 1 << 28;

/* One decoding, shared by both formats. */
struct decoding {
    jmp_buf failed;
    char why[256];
    const uint8_t *data; // the file
    size_t size, at;
    int w, h;
    uint8_t *rows;  // (h, w, channels) as the library gives them
    uint8_t **line; // (h) PNG: each row's start
    uint8_t *rgb;   // (h, w, 3)
};

static _Noreturn void fail(struct decoding *d, const char *why)
{
    snprintf(d->why, sizeof d->why, "%s", why);
    longjmp(d->failed, 1);
}

static void set_size(struct decoding *d, uint64_t w, uint64_t h)
{
    if (w * h > PIXEL_LIMIT) {
        snprintf(d->why, sizeof d->why, "%llu x %llu pixels are more than the limit of %llu",
                 (unsigned long long)w, (unsigned long long)h, (unsigned long long)PIXEL_LIMIT);
        longjmp(d->failed, 1);
    }
    d->w = (int)w;
    d->h = (int)h;
}

/* ---- JPEG ---- */

struct jpeg {
    struct jpeg_decompress_struct info; // first: its client data is the struct around it
    struct jpeg_error_mgr errors;
    struct decoding *d;
};

static void jpeg_fail(j_common_ptr info)
{
    char text[JMSG_LENGTH_MAX];
    info->err->format_message(info, text);
    fail(((struct jpeg *)info)->d, text);
}

/* Warnings: a file that ends too early is an error, as in Pillow; damage that the decoder can pass
 * over is not, also as in Pillow (real datasets have some). */
static void jpeg_message(j_common_ptr info, int level)
{
    if (level < 0 && info->err->msg_code == JWRN_JPEG_EOF)
        fail(((struct jpeg *)info)->d, "the file is truncated");
}

/* Pillow's CMYK to RGB of one row; `in` as stored, that is inverted. */
static void cmyk_row(uint8_t *rgb, const uint8_t *in, int w)
{
    for (int i = 0; i < w; i++, in += 4)
        for (int c = 0; c < 3; c++) {
            int product = (255 - in[c]) * in[3] + 128;
            int value = in[3] - (((product >> 8) + product) >> 8);
            *rgb++ = (uint8_t)(value < 0 ? 0 : value);
        }
}

static void jpeg_read(struct jpeg *j)
{
    struct decoding *d = j->d;
    jpeg_create_decompress(&j->info);
    jpeg_mem_src(&j->info, d->data, d->size);
    jpeg_read_header(&j->info, TRUE);
    set_size(d, j->info.image_width, j->info.image_height);
    const int channels = j->info.num_components;
    switch (channels) {
    case 1:
        j->info.out_color_space = JCS_GRAYSCALE;
        break;
    case 3:
        j->info.out_color_space = JCS_RGB;
        break;
    case 4:
        j->info.out_color_space = JCS_CMYK;
        break;
    default:
        fail(d, "a JPEG file has 1, 3 or 4 components");
    }
    jpeg_start_decompress(&j->info);
    const size_t w = (size_t)d->w, h = (size_t)d->h;
    d->rgb = mem_alloc(w * h, 3);
    d->rows = mem_alloc(w, (size_t)channels);
    while (j->info.output_scanline < j->info.output_height) {
        uint8_t *to = d->rgb + 3 * w * j->info.output_scanline;
        uint8_t *row = channels == 3 ? to : d->rows;
        if (jpeg_read_scanlines(&j->info, &row, 1) != 1)
            fail(d, "the file is truncated");
        if (channels == 1)
            for (size_t i = 0; i < 3 * w; i++)
                to[i] = row[i / 3];
        else if (channels == 4)
            cmyk_row(to, row, d->w);
    }
    jpeg_finish_decompress(&j->info);
}

static int jpeg_decode(struct decoding *d)
{
    struct jpeg *j = mem_zero(1, sizeof *j);
    j->d = d;
    j->info.err = jpeg_std_error(&j->errors);
    j->errors.error_exit = jpeg_fail;
    j->errors.emit_message = jpeg_message;
    int rc = setjmp(d->failed) ? -1 : 0;
    if (rc == 0)
        jpeg_read(j);
    jpeg_destroy_decompress(&j->info);
    free(j);
    return rc;
}

/* ---- PNG ---- */

static void png_fail(png_structp png, png_const_charp why)
{
    fail(png_get_error_ptr(png), why);
}

static void png_warn(png_structp png, png_const_charp why)
{
    (void)png;
    (void)why;
}

static void png_more(png_structp png, png_bytep to, size_t n)
{
    struct decoding *d = png_get_io_ptr(png);
    if (n > d->size - d->at)
        fail(d, "the file is truncated");
    memcpy(to, d->data + d->at, n);
    d->at += n;
}

/* Rows of 1 to 4 channels of 8 or 16 bits to RGB. */
static void png_to_rgb(struct decoding *d, size_t channels, size_t depth)
{
    size_t n = (size_t)d->w * (size_t)d->h, step = channels * depth / 8;
    const uint8_t *p = d->rows;
    for (size_t i = 0; i < n; i++, p += step)
        for (size_t c = 0; c < 3; c++) {
            size_t from = channels < 3 ? 0 : c;
            d->rgb[3 * i + c] = depth == 8 ? p[from] : p[0] ? 255 : p[1]; // 16 bits: grey only
        }
}

static void png_read(png_structp png, png_infop info, struct decoding *d)
{
    png_set_read_fn(png, d, png_more);
    png_read_info(png, info);
    set_size(d, png_get_image_width(png, info), png_get_image_height(png, info));
    int colour = png_get_color_type(png, info), depth = png_get_bit_depth(png, info);
    if (colour == PNG_COLOR_TYPE_PALETTE)
        png_set_palette_to_rgb(png);
    else if (colour == PNG_COLOR_TYPE_GRAY && depth < 8)
        png_set_expand_gray_1_2_4_to_8(png);
    else if (colour != PNG_COLOR_TYPE_GRAY && depth == 16)
        png_set_strip_16(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
    size_t stride = png_get_rowbytes(png, info), h = (size_t)d->h;
    d->rows = mem_alloc(h, stride);
    d->line = mem_alloc(h, sizeof *d->line);
    d->rgb = mem_alloc((size_t)d->w * h, 3);
    for (size_t y = 0; y < h; y++)
        d->line[y] = d->rows + y * stride;
    png_read_image(png, d->line);
    png_read_end(png, NULL);
    png_to_rgb(d, png_get_channels(png, info), png_get_bit_depth(png, info));
}

static int png_decode(struct decoding *d)
{
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, d, png_fail, png_warn);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!info) {
        png_destroy_read_struct(&png, NULL, NULL);
        snprintf(d->why, sizeof d->why, "libpng cannot start");
        return -1;
    }
    int rc = setjmp(d->failed) ? -1 : 0;
    if (rc == 0)
        png_read(png, info, d);
    png_destroy_read_struct(&png, &info, NULL);
    return rc;
}

/* ---- interface ---- */

static const struct format {
    const char *magic;
    size_t length;
    int (*decode)(struct decoding *d);
} formats[] = {{"\xff\xd8\xff", 3, jpeg_decode}, {"\x89PNG\r\n\x1a\n", 8, png_decode}};

static int load(struct image *out, char *sha256, const char *path, struct err *e)
{
    char *data = NULL;
    struct decoding d = {0};
    const struct format *format = NULL;
    int rc = fs_read(&data, &d.size, path, FILE_LIMIT, e);
    *out = (struct image){0};
    if (rc < 0)
        return rc;
    if (sha256)
        hash_bytes(sha256, data, d.size);
    d.data = (const uint8_t *)data;
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (d.size >= formats[i].length && !memcmp(data, formats[i].magic, formats[i].length))
            format = &formats[i];
    if (!format)
        rc = err_set(e, ERR_CORRUPT, "image '%s' is neither JPEG nor PNG", path);
    else if (format->decode(&d) < 0)
        rc = err_set(e, ERR_CORRUPT, "unable to decode image '%s': %s", path, d.why);
    else
        *out = (struct image){d.w, d.h, d.rgb};
    if (rc < 0)
        free(d.rgb);
    free(d.rows);
    free(d.line);
    free(data);
    return rc;
}

int image_load(struct image *out, const char *path, struct err *e)
{
    return load(out, NULL, path, e);
}

int image_load_hashed(struct image *out, char sha256[HASH_HEX], const char *path, struct err *e)
{
    *sha256 = 0;
    return load(out, sha256, path, e);
}

void image_release(struct image *image)
{
    free(image->rgb);
    *image = (struct image){0};
}
