/* The peer of the Modbus benchmark: a client made of libmodbus that asks one request after the other.
 *
 * `libmodbus_client PORT` connects to 127.0.0.1 and obeys lines on standard input, each "COUNT": it reads 125 holding
 * registers, from 1000 on, COUNT times, and prints the seconds and the CPU seconds that took. It ends with its input.
 */

#include <errno.h>
#include <modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#define FIRST 1000
#define REGISTERS 125

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static double cpu(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv) {
    long count;
    modbus_t *modbus = argc == 2 ? modbus_new_tcp("127.0.0.1", atoi(argv[1])) : NULL;
    if (!modbus || modbus_connect(modbus)) {
        fprintf(stderr, "libmodbus_client: %s\n", modbus_strerror(errno));
        return 2;
    }
    while (scanf("%ld", &count) == 1) {
        uint16_t values[REGISTERS];
        double start = now(), start_cpu = cpu();
        for (long i = 0; i < count; i++) {
            int count_read = modbus_read_registers(modbus, FIRST, REGISTERS, values);
            if (count_read != REGISTERS || values[REGISTERS - 1] != FIRST + REGISTERS - 1) {
                fprintf(stderr, "libmodbus_client: %s\n", modbus_strerror(errno));
                return 1;
            }
        }
        printf("%.9f %.9f\n", now() - start, cpu() - start_cpu);
        fflush(stdout);
    }
    return 0;
}
