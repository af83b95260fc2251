/* SIGTERM as a question: see stop.h. */
#include "runner/stop.h"

#include <signal.h>

static volatile sig_atomic_t watched, asked;

static void ask(int signal)
{
    (void)signal;
    asked = 1;
}

void stop_watch(void)
{
    watched = 1;
}

void stop_later(void)
{
    struct sigaction action = {.sa_handler = ask, .sa_flags = (int)SA_RESETHAND | SA_RESTART};
    if (watched)
        sigaction(SIGTERM, &action, NULL); // the second one ends it
}

bool stop_asked(void)
{
    return asked;
}
