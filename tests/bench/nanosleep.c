/* The peer of the scheduler benchmark: `nanosleep COUNT PERIOD_US` sleeps to COUNT absolute deadlines and prints how
   late (us) each sleep ended, one a line. What an operating system gives to a program that does nothing else. */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: nanosleep COUNT PERIOD_US\n");
        return 2;
    }
    long count = atol(argv[1]);
    long period_ns = atol(argv[2]) * 1000;
    struct timespec deadline, now;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    for (long i = 0; i < count; i++) {
        deadline.tv_nsec += period_ns;
        while (deadline.tv_nsec >= 1000000000) {
            deadline.tv_nsec -= 1000000000;
            deadline.tv_sec += 1;
        }
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, NULL);
        clock_gettime(CLOCK_MONOTONIC, &now);
        printf("%lld\n", ((now.tv_sec - deadline.tv_sec) * 1000000000LL + now.tv_nsec - deadline.tv_nsec) / 1000);
    }
    return 0;
}
