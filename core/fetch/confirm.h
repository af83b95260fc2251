/*
 * The page that Google Drive sends before a file that it has not scanned for viruses: a form of
 * hidden fields, whose address is the file's. Taken at any address, since it is told by its
 * content, and followed no further than a redirect would be.
 */
#ifndef PROMPTGRID_FETCH_CONFIRM_H
#define PROMPTGRID_FETCH_CONFIRM_H

/* The address behind the form of `page`, which came from `url`; NULL when there is no such form.
 * Yours to free(). */
char *confirm_url(const char *page, const char *url);

/* What stands between <title> and </title>, or NULL; yours to free(). */
char *confirm_title(const char *page);

#endif
