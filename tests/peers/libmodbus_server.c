/* A Modbus server on libmodbus, for tests and benchmarks: fluxrig's own code has no part in what it answers.
 *
 * usage: libmodbus_server [-u UNIT] [-n ITEMS] [-l LISTENERS] tcp PORT | rtu+tcp PORT | rtu DEVICE
 *
 * Serves ITEMS items of each table (65536) to unit UNIT (1); at first a register holds its own address. On TCP it
 * listens on loopback, at LISTENERS ports (1), PORT 0 being any free ones, takes many connections at once and minds no
 * unit id. When it can be reached it prints "ready PORT..." or "ready DEVICE"; it obeys the commands on its standard
 * input, one a line, and ends when that ends.
 *
 *   co|di|hr|ir ADDRESS VALUE...             set coils, discrete inputs, holding or input registers
 *   bits co|di ADDRESS BYTE...               set eight bits a byte, the lowest first
 *   float_abcd hr|ir ADDRESS VALUE...        set two registers each; also float_badc, float_cdab, float_dcba
 *   int32|int64 hr|ir ADDRESS VALUE...       set two or four registers each, the highest first
 *   dump co|di|hr|ir ADDRESS COUNT           print what is there
 *
 * Each command is answered with one line: what was asked for, "ok", or "error: ...".
 */

#include <arpa/inet.h>
#include <errno.h>
#include <modbus.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TABLE_ITEMS = 65536, COMMAND_SIZE = 65536, BAUD = 19200, BACKLOG = 1024, EVENTS = 256 };
enum { READ_REQUEST_SIZE = 12, AT_ONCE = 16 };

typedef void set_float(float value, uint16_t *registers);

static modbus_t *context;
static modbus_mapping_t *tables;
static int is_tcp; /* frames of Modbus/TCP, and not those of a serial line */

static void die(const char *what)
{
    fprintf(stderr, "libmodbus_server: %s: %s\n", what, modbus_strerror(errno));
    exit(1);
}

/* Commands. */

/* The table called `name`: its bits or its registers, the other is NULL. Returns how many items it has, 0: no such. */
static int find_table(const char *name, uint8_t **bits, uint16_t **registers)
{
    *bits = NULL;
    *registers = NULL;
    if (name == NULL)
        return 0;
    if (strcmp(name, "co") == 0) {
        *bits = tables->tab_bits;
        return tables->nb_bits;
    }
    if (strcmp(name, "di") == 0) {
        *bits = tables->tab_input_bits;
        return tables->nb_input_bits;
    }
    if (strcmp(name, "hr") == 0) {
        *registers = tables->tab_registers;
        return tables->nb_registers;
    }
    if (strcmp(name, "ir") == 0) {
        *registers = tables->tab_input_registers;
        return tables->nb_input_registers;
    }
    return 0;
}

/* How many items one value of the command `kind` sets; 0: there is no such command. */
static int width_of(const char *kind)
{
    if (strcmp(kind, "items") == 0)
        return 1;
    if (strcmp(kind, "bits") == 0)
        return 8;
    if (strcmp(kind, "int64") == 0)
        return 4;
    if (strcmp(kind, "int32") == 0 || strncmp(kind, "float_", 6) == 0)
        return 2;
    return 0;
}

/* What sets floats in `order`, NULL: there is no such order. libmodbus has a function for each, but its versions differ
 * in which of them is called what (its issues 611 and 665). So it is found by what it makes of a known number. */
static set_float *float_setter(const char *order)
{
    static set_float *const setters[] = {modbus_set_float_abcd, modbus_set_float_badc, modbus_set_float_cdab,
                                         modbus_set_float_dcba};
    static const struct {
        const char *order;
        uint16_t registers[2];
    } known[] = {{"abcd", {0x47f1, 0x2003}}, {"badc", {0xf147, 0x0320}}, {"cdab", {0x2003, 0x47f1}},
                 {"dcba", {0x0320, 0xf147}}}; /* 123456.0234375 */
    for (int at = 0; at < 4; at++) {
        if (strcmp(order, known[at].order) != 0)
            continue;
        for (int setter = 0; setter < 4; setter++) {
            uint16_t found[2];
            setters[setter](123456.0234375F, found);
            if (memcmp(found, known[at].registers, sizeof found) == 0)
                return setters[setter];
        }
    }
    return NULL;
}

static int set_registers(const char *kind, uint16_t *at, const char *value)
{
    set_float *set = strncmp(kind, "float_", 6) == 0 ? float_setter(kind + 6) : NULL;
    if (strcmp(kind, "items") == 0)
        *at = (uint16_t)strtol(value, NULL, 0);
    else if (strcmp(kind, "int32") == 0)
        MODBUS_SET_INT32_TO_INT16(at, 0, strtoll(value, NULL, 0));
    else if (strcmp(kind, "int64") == 0)
        MODBUS_SET_INT64_TO_INT16(at, 0, *value == '-' ? (uint64_t)strtoll(value, NULL, 0) : strtoull(value, NULL, 0));
    else if (set != NULL)
        set(strtof(value, NULL), at);
    else
        return 0;
    return 1;
}

static int set_bits(const char *kind, uint8_t *bits, int address, const char *value)
{
    if (strcmp(kind, "items") == 0)
        bits[address] = strtol(value, NULL, 0) != 0;
    else if (strcmp(kind, "bits") == 0)
        modbus_set_bits_from_byte(bits, address, (uint8_t)strtol(value, NULL, 0));
    else
        return 0;
    return 1;
}

static void dump(const uint8_t *bits, const uint16_t *registers, int address, int count)
{
    for (int item = address; item < address + count; item++)
        printf("%s%d", item > address ? " " : "", bits ? bits[item] : registers[item]);
    printf("\n");
}

static void obey(char *line)
{
    const char *kind = strtok(line, " ");
    if (kind == NULL)
        return;
    uint8_t *bits;
    uint16_t *registers;
    const char *table = kind;
    int items = find_table(table, &bits, &registers);
    if (items != 0)
        kind = "items";
    else if ((items = find_table(table = strtok(NULL, " "), &bits, &registers)) == 0) {
        printf("error: no such table or command\n");
        return;
    }
    const char *word = strtok(NULL, " ");
    int address = word ? atoi(word) : -1;
    int is_dump = strcmp(kind, "dump") == 0;
    int width = width_of(kind);
    if (address < 0 || (width == 0 && !is_dump)) {
        printf("error: no such command, or no address\n");
        return;
    }
    while ((word = strtok(NULL, " ")) != NULL) {
        int count = is_dump ? atoi(word) : width;
        if (address + count > items) {
            printf("error: beyond the end of the table\n");
            return;
        }
        if (is_dump) {
            dump(bits, registers, address, count);
            return;
        }
        if (!(bits ? set_bits(kind, bits, address, word) : set_registers(kind, registers + address, word))) {
            printf("error: %s does not go into %s\n", kind, table);
            return;
        }
        address += width;
    }
    printf(is_dump ? "error: how many?\n" : "ok\n");
}

/* Obey what has arrived on standard input. Returns 0 at its end. */
static int take_commands(void)
{
    static char text[COMMAND_SIZE];
    static size_t used;
    ssize_t got = read(STDIN_FILENO, text + used, sizeof text - 1 - used);
    if (got <= 0)
        return 0;
    used += (size_t)got;
    text[used] = '\0';
    char *line = text;
    for (char *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        obey(line);
    }
    used -= (size_t)(line - text);
    memmove(text, line, used);
    fflush(stdout);
    return used < sizeof text - 1;
}

/* Serving. */

/* A connection and its listener each need a descriptor. */
static void allow_many_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Wait for `fd` as well. That it is a listener is kept beside it, in the upper half of what epoll gives back. */
static void watch(int poller, int fd, int is_listener)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = ((uint64_t)is_listener << 32) | (uint32_t)fd};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) != 0)
        die("watch");
}

static int listen_on_loopback(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t size = sizeof address;
    int on = 1;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, BACKLOG) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) != 0)
        die("listen");
    printf(" %d", ntohs(address.sin_port));
    return listener;
}

/* Hold back what is sent to a client, and let it go in as few packets as possible. */
static void hold_back(int fd, int on)
{
    setsockopt(fd, IPPROTO_TCP, TCP_CORK, &on, sizeof on);
}

/* Answer the requests that have arrived at `fd`, several in one packet: what a client can do with many requests under
 * way would otherwise be hidden behind the system calls of the server. After some it is the turn of other connections,
 * and the client can begin. Returns 0 when the connection is of no more use.
 */
static int answer(int fd)
{
    uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
    int pending = 0, answered = 0, size;
    modbus_set_socket(context, fd);
    ioctl(fd, FIONREAD, &pending);
    int are_several = is_tcp && pending > READ_REQUEST_SIZE;
    if (are_several)
        hold_back(fd, 1);
    do {
        size = modbus_receive(context, query);
        if (size > 0 && modbus_reply(context, query, size, tables) < 0)
            return 0;
        pending -= size;
    } while (is_tcp && size > 0 && pending > 0 && ++answered < AT_ONCE);
    if (are_several)
        hold_back(fd, 0);
    /* 0: a frame for another unit. On a serial line a frame that came damaged is no reason to go away. */
    return size >= 0 || (!is_tcp && (errno == EMBBADCRC || errno == EMBBADDATA || errno == ETIMEDOUT));
}

static void take_connection(int poller, int listener)
{
    int on = 1;
    int accepted = accept(listener, NULL, NULL);
    if (accepted < 0)
        return; /* it has gone again */
    setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    watch(poller, accepted, 0);
}

static void serve(int poller, int line)
{
    struct epoll_event events[EVENTS];
    for (;;) {
        int ready = epoll_wait(poller, events, EVENTS, -1);
        for (int at = 0; at < ready; at++) {
            int fd = (int)(uint32_t)events[at].data.u64;
            if (fd == STDIN_FILENO) {
                if (!take_commands())
                    return;
            } else if (events[at].data.u64 >> 32) {
                take_connection(poller, fd);
            } else if (!answer(fd)) {
                if (fd == line)
                    return;
                close(fd);
            }
        }
    }
}

static int usage(void)
{
    fprintf(stderr, "usage: libmodbus_server [-u UNIT] [-n ITEMS] [-l LISTENERS] tcp PORT | rtu+tcp PORT | rtu DEVICE\n");
    return 2;
}

int main(int argc, char **argv)
{
    int unit = 1, items = TABLE_ITEMS, listeners = 1, option;
    while ((option = getopt(argc, argv, "u:n:l:")) != -1) {
        if (option == 'u')
            unit = atoi(optarg);
        else if (option == 'n')
            items = atoi(optarg);
        else if (option == 'l')
            listeners = atoi(optarg);
        else
            return usage();
    }
    if (argc - optind != 2)
        return usage();
    const char *kind = argv[optind], *where = argv[optind + 1];
    int is_line = strcmp(kind, "rtu") == 0;
    is_tcp = strcmp(kind, "tcp") == 0;
    if (!is_line && !is_tcp && strcmp(kind, "rtu+tcp") != 0)
        return usage();
    /* A context for a serial line serves a socket as well, once it is told of it: that is RTU over TCP. */
    context = is_tcp ? modbus_new_tcp("127.0.0.1", 0) : modbus_new_rtu(is_line ? where : "/dev/null", BAUD, 'N', 8, 1);
    tables = modbus_mapping_new(items, items, items, items);
    if (context == NULL || tables == NULL || modbus_set_slave(context, unit) != 0)
        die("start");
    for (int address = 0; address < items; address++)
        tables->tab_registers[address] = tables->tab_input_registers[address] = (uint16_t)address;

    allow_many_descriptors();
    int line = -1, poller = epoll_create1(0);
    watch(poller, STDIN_FILENO, 0);
    printf("ready");
    if (is_line) {
        if (modbus_connect(context) != 0)
            die(where);
        line = modbus_get_socket(context);
        watch(poller, line, 0);
        printf(" %s", where);
    }
    for (int count = 0; count < listeners && !is_line; count++)
        watch(poller, listen_on_loopback(atoi(where)), 1);
    printf("\n");
    fflush(stdout);
    serve(poller, line);
    return 0;
}
