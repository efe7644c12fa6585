// The least that a broker has to do, without a broker: receive, check the CRC-32C, append to a file, answer; and fetch by
// sendfile. What it reaches is the ceiling of what perf/compare measures on the same machine in the same minute.
//
//   gcc -O2 -march=x86-64-v2 -o out/ideal perf/ideal.c && out/ideal PORT DIRECTORY [fresh]
//
// One thread and one epoll. It speaks Produce and Fetch at version 12 for one topic of up to 64 partitions, and nothing else:
// no versions, no metadata, no durability, no checks but the checksum. Its log is a file of 1 GiB per partition whose space is
// reserved and written over when it is full, so that neither the disk nor new pages are measured. With `fresh` it appends to
// new files, as whoever keeps what he got has to: the page cache grows, and each page costs what a new page costs. Nothing
// is handed to the disk in either form.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <nmmintrin.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
  PARTITIONS_MAX = 64,
  FILE_BYTES = 1 << 30,
  RECEIVE_BYTES = 8 << 20,
  ANSWER_BYTES = 256,
  EVENTS_MAX = 512,
  BATCH_HEADER_BYTES = 61,
  CRC_AT = 17,
  CRC_FROM = 21,
  LAST_OFFSET_DELTA_AT = 23,
  API_PRODUCE = 0,
  API_FETCH = 1,
  LANE_BYTES = 1024,
};

static void stop(const char *what) {
  perror(what);
  exit(1);
}

static int64_t now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

// ---- CRC-32C: three lanes at once, since one instruction takes three cycles and starts every cycle ----------------------

static uint32_t shift_table[2][4][256]; // a checksum moved on by LANE_BYTES and by twice that

static uint32_t append_zeros(uint32_t crc, int bytes) {
  for (int i = 0; i < bytes; i++) crc = _mm_crc32_u8(crc, 0);
  return crc;
}

static void make_shift_tables(void) {
  for (int k = 0; k < 2; k++)
    for (int byte = 0; byte < 4; byte++)
      for (uint32_t v = 0; v < 256; v++) shift_table[k][byte][v] = append_zeros(v << (8 * byte), LANE_BYTES * (k + 1));
}

static uint32_t shifted(int k, uint32_t crc) {
  return shift_table[k][0][crc & 255] ^ shift_table[k][1][crc >> 8 & 255] ^ shift_table[k][2][crc >> 16 & 255] ^
         shift_table[k][3][crc >> 24];
}

static uint32_t crc32c(const uint8_t *p, size_t n) {
  uint64_t crc = 0xFFFFFFFF;
  while (n >= 3 * LANE_BYTES) {
    uint64_t a = crc, b = 0, c = 0;
    for (int i = 0; i < LANE_BYTES; i += 8) {
      uint64_t x, y, z;
      memcpy(&x, p + i, 8);
      memcpy(&y, p + LANE_BYTES + i, 8);
      memcpy(&z, p + 2 * LANE_BYTES + i, 8);
      a = _mm_crc32_u64(a, x);
      b = _mm_crc32_u64(b, y);
      c = _mm_crc32_u64(c, z);
    }
    crc = shifted(1, (uint32_t)a) ^ shifted(0, (uint32_t)b) ^ (uint32_t)c;
    p += 3 * LANE_BYTES;
    n -= 3 * LANE_BYTES;
  }
  for (; n >= 8; n -= 8, p += 8) {
    uint64_t x;
    memcpy(&x, p, 8);
    crc = _mm_crc32_u64(crc, x);
  }
  for (; n > 0; n--) crc = _mm_crc32_u8((uint32_t)crc, *p++);
  return ~(uint32_t)crc;
}

// ---- Logs ---------------------------------------------------------------------------------------------------------------

struct place {
  int64_t offset;
  int64_t position;
};

struct log {
  int file;
  int64_t next_offset;
  int64_t position;
  struct place *places; // one per batch of this round through the file
  size_t count, room;
  struct connection *waiting; // fetches at the end
};

static struct log logs[PARTITIONS_MAX];
static const char *directory;
static int fresh;

// The file of a full log stays open, or the next one would get its pages.
static void open_file(struct log *log) {
  char path[4096];
  snprintf(path, sizeof path, "%s/ideal-%d.log", directory, (int)(log - logs));
  log->file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (log->file < 0) stop(path);
  if (!fresh && posix_fallocate(log->file, 0, FILE_BYTES) != 0) stop("posix_fallocate");
  unlink(path);
}

static struct log *log_of(int32_t partition) {
  if (partition < 0 || partition >= PARTITIONS_MAX) {
    fprintf(stderr, "ideal: partition %d\n", partition);
    exit(1);
  }
  struct log *log = &logs[partition];
  if (log->file == 0) open_file(log);
  return log;
}

static int64_t append(struct log *log, uint8_t *batch, size_t bytes) {
  uint32_t crc;
  memcpy(&crc, batch + CRC_AT, 4);
  if (bytes < BATCH_HEADER_BYTES || be32toh(crc) != crc32c(batch + CRC_FROM, bytes - CRC_FROM)) {
    fprintf(stderr, "ideal: the checksum of a batch does not match\n");
    exit(1);
  }
  if (log->position + (int64_t)bytes > FILE_BYTES) {
    log->position = 0;
    log->count = 0;
    if (fresh) open_file(log);
  }
  if (log->count == log->room) {
    log->room = log->room ? 2 * log->room : 4096;
    log->places = realloc(log->places, log->room * sizeof *log->places);
    if (!log->places) stop("realloc");
  }
  int64_t base = log->next_offset;
  int64_t wire = htobe64(base);
  memcpy(batch, &wire, 8);
  memset(batch + 12, 0, 4);
  int32_t delta;
  memcpy(&delta, batch + LAST_OFFSET_DELTA_AT, 4);
  log->places[log->count++] = (struct place){base, log->position};
  if (pwrite(log->file, batch, bytes, log->position) != (ssize_t)bytes) stop("pwrite");
  log->position += bytes;
  log->next_offset += (int64_t)be32toh(delta) + 1;
  return base;
}

static int64_t position_of(const struct log *log, int64_t offset) {
  size_t low = 0, high = log->count;
  while (high - low > 1) {
    size_t middle = (low + high) / 2;
    if (log->places[middle].offset <= offset) low = middle;
    else high = middle;
  }
  return log->count ? log->places[low].position : 0;
}

// ---- Connections --------------------------------------------------------------------------------------------------------

struct connection {
  int socket;
  uint8_t *in;
  size_t in_bytes;
  uint8_t out[64 * ANSWER_BYTES]; // answers to produces, and the heads of fetches
  size_t out_from, out_bytes;
  struct log *sending; // behind what is in out
  int64_t send_position, send_left;
  // A fetch that waits.
  struct log *waits_on;
  struct connection *next_waiting;
  int64_t wait_until, fetch_offset;
  int32_t fetch_partition, fetch_max, correlation;
  int watches_out;
};

static int epoll;
static int waiting_count;

struct reader {
  const uint8_t *p, *end;
};

static uint64_t take(struct reader *r, int bytes) {
  if (r->end - r->p < bytes) {
    fprintf(stderr, "ideal: a request is too short\n");
    exit(1);
  }
  uint64_t v = 0;
  for (int i = 0; i < bytes; i++) v = v << 8 | *r->p++;
  return v;
}

static uint32_t uvarint(struct reader *r) {
  uint32_t v = 0;
  for (int shift = 0;; shift += 7) {
    uint8_t b = (uint8_t)take(r, 1);
    v |= (uint32_t)(b & 127) << shift;
    if (b < 128) return v;
  }
}

static void skip(struct reader *r, uint32_t bytes) {
  if ((uint64_t)(r->end - r->p) < bytes) take(r, 1 << 20);
  r->p += bytes;
}

static void put(uint8_t **p, uint64_t v, int bytes) {
  for (int i = bytes - 1; i >= 0; i--) *(*p)++ = (uint8_t)(v >> (8 * i));
}

static void put_uvarint(uint8_t **p, uint32_t v) {
  for (; v > 127; v >>= 7) *(*p)++ = (uint8_t)(v | 128);
  *(*p)++ = (uint8_t)v;
}

static void watch(struct connection *c, int out) {
  if (c->watches_out == out) return;
  c->watches_out = out;
  struct epoll_event e = {.events = EPOLLIN | (out ? EPOLLOUT : 0), .data.ptr = c};
  if (epoll_ctl(epoll, EPOLL_CTL_MOD, c->socket, &e) < 0) stop("epoll_ctl");
}

// Sends what is ready: first the bytes, then the file.
static void flush(struct connection *c) {
  while (c->out_from < c->out_bytes) {
    int more = c->sending ? MSG_MORE : 0;
    ssize_t n = send(c->socket, c->out + c->out_from, c->out_bytes - c->out_from, MSG_NOSIGNAL | more);
    if (n < 0 && errno == EAGAIN) return watch(c, 1);
    if (n < 0) return;
    c->out_from += (size_t)n;
  }
  c->out_from = c->out_bytes = 0;
  while (c->sending && c->send_left > 0) {
    off_t at = c->send_position;
    ssize_t n = sendfile(c->socket, c->sending->file, &at, (size_t)c->send_left);
    if (n < 0 && errno == EAGAIN) return watch(c, 1);
    if (n <= 0) return;
    c->send_position += n;
    c->send_left -= n;
  }
  c->sending = NULL;
  watch(c, 0);
}

// The answer to a fetch: its head in out, its records by sendfile.
static void answer_fetch(struct connection *c, struct log *log) {
  int64_t bytes = 0, position = 0;
  if (c->fetch_offset < log->next_offset) {
    position = position_of(log, c->fetch_offset);
    bytes = log->position - position;
    if (bytes > c->fetch_max) bytes = c->fetch_max;
  }
  uint8_t *start = c->out + c->out_bytes, *p = start + 4;
  put(&p, (uint32_t)c->correlation, 4);
  put(&p, 0, 1);
  put(&p, 0, 4); // throttle
  put(&p, 0, 2);
  put(&p, 0, 4); // session
  put_uvarint(&p, 2);
  put_uvarint(&p, 2); // a topic's name of one letter: nobody reads it
  put(&p, 't', 1);
  put_uvarint(&p, 2);
  put(&p, (uint32_t)c->fetch_partition, 4);
  put(&p, 0, 2);
  put(&p, (uint64_t)log->next_offset, 8);
  put(&p, (uint64_t)log->next_offset, 8);
  put(&p, 0, 8);
  put_uvarint(&p, 1);
  put(&p, 0xFFFFFFFF, 4);
  put_uvarint(&p, (uint32_t)bytes + 1);
  // The tags of partition, topic and answer come behind the records: three zero bytes that stand in the file's place.
  int64_t tail = 3;
  uint8_t *length = start;
  put(&length, (uint64_t)(p - start - 4 + bytes + tail), 4);
  c->out_bytes = (size_t)(p - c->out);
  c->sending = log;
  c->send_position = position;
  c->send_left = bytes;
}

static const uint8_t three_zeros[3];

static void finish_fetch(struct connection *c, struct log *log) {
  answer_fetch(c, log);
  flush(c);
  if (!c->sending && c->out_bytes == 0) {
    if (send(c->socket, three_zeros, 3, MSG_NOSIGNAL) == 3) return;
  }
  // Behind: the zeros follow when the socket takes more.
  c->fetch_max = -3;
}

static void complete_waiting(struct log *log, int64_t now) {
  struct connection **link = &log->waiting;
  while (*link) {
    struct connection *c = *link;
    if (c->fetch_offset < log->next_offset || now >= c->wait_until) {
      *link = c->next_waiting;
      c->waits_on = NULL;
      waiting_count--;
      finish_fetch(c, log);
    } else {
      link = &c->next_waiting;
    }
  }
}

static void on_produce(struct connection *c, struct reader *r, int32_t correlation) {
  skip(r, 1);  // transactional id: null
  int16_t acks = (int16_t)take(r, 2);
  skip(r, 4);
  uvarint(r);
  uint32_t name = uvarint(r) - 1;
  const uint8_t *topic = r->p;
  skip(r, name);
  uvarint(r);
  int32_t partition = (int32_t)take(r, 4);
  uint32_t bytes = uvarint(r) - 1;
  uint8_t *batch = (uint8_t *)r->p;
  skip(r, bytes);
  struct log *log = log_of(partition);
  int64_t base = append(log, batch, bytes);
  if (acks != 0) {
    uint8_t *start = c->out + c->out_bytes, *p = start + 4;
    put(&p, (uint32_t)correlation, 4);
    put(&p, 0, 1);
    put_uvarint(&p, 2);
    put_uvarint(&p, name + 1);
    memcpy(p, topic, name);
    p += name;
    put_uvarint(&p, 2);
    put(&p, (uint32_t)partition, 4);
    put(&p, 0, 2);
    put(&p, (uint64_t)base, 8);
    put(&p, ~0ull, 8);
    put(&p, 0, 8);
    put(&p, 1, 1); // no record errors
    put(&p, 0, 1); // no message
    put(&p, 0, 2); // tags of partition and topic
    put(&p, 0, 4); // throttle
    put(&p, 0, 1);
    put(&start, (uint64_t)(p - start - 4), 4);
    c->out_bytes = (size_t)(p - c->out);
  }
  // The consumer first: it has waited longer.
  if (log->waiting) complete_waiting(log, 0);
}

static void on_fetch(struct connection *c, struct reader *r, int32_t correlation) {
  skip(r, 4);
  int32_t wait = (int32_t)take(r, 4);
  skip(r, 4 + 4 + 1 + 4 + 4);
  uvarint(r);
  skip(r, uvarint(r) - 1);
  uvarint(r);
  c->fetch_partition = (int32_t)take(r, 4);
  skip(r, 4);
  c->fetch_offset = (int64_t)take(r, 8);
  skip(r, 4 + 8);
  c->fetch_max = (int32_t)take(r, 4);
  c->correlation = correlation;
  struct log *log = log_of(c->fetch_partition);
  if (c->fetch_offset < log->next_offset || wait == 0) {
    finish_fetch(c, log);
    return;
  }
  c->waits_on = log;
  c->wait_until = now_ms() + wait;
  c->next_waiting = log->waiting;
  log->waiting = c;
  waiting_count++;
}

static void close_connection(struct connection *c) {
  if (c->waits_on) {
    for (struct connection **link = &c->waits_on->waiting; *link; link = &(*link)->next_waiting)
      if (*link == c) {
        *link = c->next_waiting;
        break;
      }
    waiting_count--;
  }
  close(c->socket);
  free(c->in);
  free(c);
}

static void on_readable(struct connection *c) {
  ssize_t n = recv(c->socket, c->in + c->in_bytes, RECEIVE_BYTES - c->in_bytes, 0);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) return close_connection(c);
  c->in_bytes += (size_t)n;
  size_t at = 0;
  while (c->in_bytes - at >= 4 && c->out_bytes < sizeof c->out - ANSWER_BYTES) {
    uint32_t length;
    memcpy(&length, c->in + at, 4);
    length = be32toh(length);
    if (length > RECEIVE_BYTES - 4) {
      fprintf(stderr, "ideal: a request of %u bytes\n", length);
      exit(1);
    }
    if (c->in_bytes - at < 4 + length) break;
    struct reader r = {c->in + at + 4, c->in + at + 4 + length};
    int16_t key = (int16_t)take(&r, 2);
    int16_t version = (int16_t)take(&r, 2);
    int32_t correlation = (int32_t)take(&r, 4);
    skip(&r, (uint32_t)take(&r, 2));
    skip(&r, 1);
    if (version != 12) {
      fprintf(stderr, "ideal: api %d version %d\n", key, version);
      exit(1);
    }
    if (key == API_PRODUCE) on_produce(c, &r, correlation);
    else on_fetch(c, &r, correlation);
    at += 4 + length;
  }
  memmove(c->in, c->in + at, c->in_bytes - at);
  c->in_bytes -= at;
  if (c->out_bytes > c->out_from) flush(c);
}

static void on_writable(struct connection *c) {
  flush(c);
  if (!c->sending && c->out_bytes == 0 && c->fetch_max == -3) {
    c->fetch_max = 0;
    if (send(c->socket, three_zeros, 3, MSG_NOSIGNAL) != 3) stop("send");
  }
}

int main(int argc, char **argv) {
  fresh = argc == 4 && !strcmp(argv[3], "fresh");
  if (argc != 3 && !fresh) {
    fprintf(stderr, "usage: ideal PORT DIRECTORY [fresh]\n");
    return 2;
  }
  directory = argv[2];
  make_shift_tables();
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1]))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 1024) < 0) stop("bind");
  socklen_t size = sizeof address;
  getsockname(listener, (struct sockaddr *)&address, &size);
  printf("ideal ready on 127.0.0.1:%d\n", ntohs(address.sin_port));
  fflush(stdout);
  epoll = epoll_create1(0);
  struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e) < 0) stop("epoll_ctl");
  struct epoll_event events[EVENTS_MAX];
  for (;;) {
    int count = epoll_wait(epoll, events, EVENTS_MAX, waiting_count ? 50 : -1);
    if (count < 0 && errno != EINTR) stop("epoll_wait");
    for (int i = 0; i < count; i++) {
      struct connection *c = events[i].data.ptr;
      if (!c) {
        int s = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
        if (s < 0) continue;
        setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        c = calloc(1, sizeof *c);
        c->socket = s;
        c->in = malloc(RECEIVE_BYTES);
        struct epoll_event one = {.events = EPOLLIN, .data.ptr = c};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, s, &one) < 0) stop("epoll_ctl");
        continue;
      }
      if (events[i].events & EPOLLOUT) on_writable(c);
      if (events[i].events & ~EPOLLOUT) on_readable(c);
    }
    if (count == 0)
      for (int i = 0; i < PARTITIONS_MAX; i++)
        if (logs[i].waiting) complete_waiting(&logs[i], now_ms());
  }
}
