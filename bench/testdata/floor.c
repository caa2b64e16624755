// floor answers the base exchange's get and nothing else: one thread, one epoll set, data ports
// bound once, every file 4 KiB long and in memory. It makes only the system calls that the exchange
// itself asks for (read a command, write a port, accept, write, close), so the processor time that
// it spends on a transfer is the least that a server on these sockets can hope for.
//
// It opens no file, keeps no lease and has no time-out: whoever comes to a data port gets the same
// bytes. Its first line on standard output is the number of the control port, on 127.0.0.1.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	FIELD = 10,
	COMMAND_MAX = 4096,
	FILE_SIZE = 4096,
	DATA_PORTS = 64,
	DESCRIPTORS = 65536,
	BATCH = 256,
};

// What a descriptor is, kept next to its number in the epoll event: no look-up finds it.
enum role { CONTROL_LISTENER, DATA_LISTENER, SESSION };

// A session's bytes that are no whole command yet. A client that sends a command and waits for its
// port leaves none here.
struct session {
	size_t held;
	char bytes[FIELD + COMMAND_MAX];
};

static int epoll;
static struct session *sessions[DESCRIPTORS];
static char port_fields[DATA_PORTS][FIELD + 1];
static unsigned next_port;
static char answer[FIELD + FILE_SIZE];

static void die(const char *what) {
	perror(what);
	exit(2);
}

static void watch(int fd, enum role role) {
	struct epoll_event e = {.events = EPOLLIN, .data.u64 = (uint64_t)role << 32 | (uint32_t)fd};
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) < 0) {
		die("epoll_ctl");
	}
}

static int listener(unsigned *port) {
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		die("socket");
	}
	if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0) {
		die("bind");
	}
	if (listen(fd, SOMAXCONN) < 0) {
		die("listen");
	}
	if (getsockname(fd, (struct sockaddr *)&a, &len) < 0) {
		die("getsockname");
	}
	*port = ntohs(a.sin_port);
	return fd;
}

static void end_session(int fd) {
	free(sessions[fd]);
	sessions[fd] = NULL;
	close(fd);
}

static void begin_session(int listening) {
	int one = 1;
	int fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) {
		return;
	}
	if (fd >= DESCRIPTORS || !(sessions[fd] = malloc(sizeof *sessions[fd]))) {
		close(fd);
		return;
	}
	sessions[fd]->held = 0;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	watch(fd, SESSION);
}

// field_value gives the number in ten digits, or -1. The clients of this fixture pad with zeros.
static long field_value(const char *p) {
	long n = 0;
	for (int i = 0; i < FIELD; i++) {
		if (p[i] < '0' || p[i] > '9') {
			return -1;
		}
		n = n * 10 + (p[i] - '0');
	}
	return n;
}

// serve reads what a session sent and answers every whole command in it with a data port, in turn.
static void serve(int fd) {
	struct session *s = sessions[fd];
	ssize_t n = read(fd, s->bytes + s->held, sizeof s->bytes - s->held);
	if (n <= 0) {
		if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			return;
		}
		end_session(fd);
		return;
	}
	s->held += (size_t)n;
	size_t at = 0;
	while (s->held - at >= FIELD) {
		long length = field_value(s->bytes + at);
		if (length < 4 || length > COMMAND_MAX) {
			end_session(fd);
			return;
		}
		if (s->held - at < FIELD + (size_t)length) {
			break;
		}
		if (memcmp(s->bytes + at + FIELD, "get ", 4) != 0) {
			end_session(fd);
			return;
		}
		if (write(fd, port_fields[next_port], FIELD) != FIELD) {
			end_session(fd);
			return;
		}
		next_port = (next_port + 1) % DATA_PORTS;
		at += FIELD + (size_t)length;
	}
	s->held -= at;
	if (s->held > 0 && at > 0) {
		memmove(s->bytes, s->bytes + at, s->held);
	}
}

// send_file answers a data connection. The whole answer fits an empty socket's buffer, so one write
// takes it; the client sends nothing here, so closing at once ends the stream in order.
static void send_file(int listening) {
	int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0) {
		return;
	}
	if (write(fd, answer, sizeof answer) != sizeof answer) {
		perror("write");
	}
	close(fd);
}

int main(void) {
	struct epoll_event events[BATCH];
	unsigned control, port;

	signal(SIGPIPE, SIG_IGN);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll < 0) {
		die("epoll_create1");
	}
	snprintf(answer, sizeof answer, "%0*d", FIELD, FILE_SIZE);
	for (int i = 0; i < FILE_SIZE; i++) {
		answer[FIELD + i] = (char)('a' + i % 26);
	}
	watch(listener(&control), CONTROL_LISTENER);
	for (int i = 0; i < DATA_PORTS; i++) {
		watch(listener(&port), DATA_LISTENER);
		snprintf(port_fields[i], sizeof port_fields[i], "%0*u", FIELD, port);
	}
	printf("%u\n", control);
	fflush(stdout);
	for (;;) {
		int n = epoll_wait(epoll, events, BATCH, -1);
		if (n < 0 && errno != EINTR) {
			die("epoll_wait");
		}
		for (int i = 0; i < n; i++) {
			int fd = (int)(uint32_t)events[i].data.u64;
			switch ((enum role)(events[i].data.u64 >> 32)) {
			case CONTROL_LISTENER:
				begin_session(fd);
				break;
			case DATA_LISTENER:
				send_file(fd);
				break;
			case SESSION:
				serve(fd);
				break;
			}
		}
	}
}
