/* The disk stops as at a power cut: cut-power FOLDER. What ext4 has not written yet is lost. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>

int main(int argc, char **argv)
{
    enum { NO_LOG_FLUSH = 2 };
    const unsigned long shut_down = 0x8004587d; // EXT4_IOC_SHUTDOWN
    uint32_t flags = NO_LOG_FLUSH;
    int fd = argc == 2 ? open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd < 0 || ioctl(fd, shut_down, &flags) < 0) {
        perror("cut-power");
        return 1;
    }
    return 0;
}
