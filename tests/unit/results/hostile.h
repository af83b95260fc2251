/* Names that some target could take for its own, one a line of attack. */
#ifndef PROMPTGRID_TESTS_HOSTILE_H
#define PROMPTGRID_TESTS_HOSTILE_H

static const char *const hostile[] = {
    "Robert'); DROP TABLE run;--",
    "`touch canary`$(touch canary)",
    "@macro \"system('touch canary')\"",
    "\\input{/etc/passwd} \\write18{touch canary}",
    "50 % & more_ #1 ~x ^y {z} \\",
    "[3] starts a row",
    "* stars a row",
    "a--b ---c ,,d ''e `` ?` !`",
    "| pipe || table |",
    "**bold** _it_ [link](javascript:alert(1)) ![i](x) $m$ ~~s~~ # h",
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onclick='x",
    "&amp;&lt;",
    "--><!-- ]]>",
    "=HYPERLINK(\"http://x\")",
    "+1+1",
    "-1",
    "@SUM(A1)",
    "a,b;c\td",
    "two\nlines\r\n",
    "\x1b[31mred\x1b[0m\x07",
    "\xc2\x9b"
    "31m",
    "\xff\xfe broken",
    "\xe2\x80\xaeright to left\xe2\x80\xac",
    "zero\xe2\x80\x8bwidth",
    "\xef\xbb\xbf"
    "mark",
    "caf\xc3\xa9 \xc3\x85\xc3\x9f",
    "\xe4\xb8\xad\xe6\x96\x87",
    "\xf0\x9f\x90\x8d",
    "\xc3\xb0\xc3\xbe",
    "\xe2\x80\x9cquoted\xe2\x80\x9d \xe2\x80\x94 \xe2\x89\xa4\xc2\xb1",
    "^^5cinput x",
    "",
    " ",
};
enum { HOSTILE = sizeof hostile / sizeof hostile[0] };

#endif
