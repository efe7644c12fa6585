// Sends records through librdkafka with its defaults, as fast as it takes them: librdkafka HOST:PORT TOPIC RECORDS BYTES
//
//   gcc -O2 -o out/librdkafka perf/librdkafka.c -lrdkafka
//
// A full queue of the client is waited for; every record has to be acknowledged, or the exit code is 1.
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static long acknowledged, refused;

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque) {
  (void)client, (void)opaque;
  if (message->err) {
    refused++;
  } else {
    acknowledged++;
  }
}

int main(int count, char **words) {
  if (count != 5) {
    fprintf(stderr, "usage: librdkafka HOST:PORT TOPIC RECORDS BYTES\n");
    return 2;
  }
  long records = atol(words[3]);
  size_t bytes = (size_t)atol(words[4]);
  char why[512];
  rd_kafka_conf_t *settings = rd_kafka_conf_new();
  if (rd_kafka_conf_set(settings, "bootstrap.servers", words[1], why, sizeof why) != RD_KAFKA_CONF_OK) {
    fprintf(stderr, "%s\n", why);
    return 1;
  }
  rd_kafka_conf_set_dr_msg_cb(settings, on_delivery);
  rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, settings, why, sizeof why);
  if (!client) {
    fprintf(stderr, "%s\n", why);
    return 1;
  }
  char *value = malloc(bytes);
  memset(value, 'v', bytes);
  for (long i = 0; i < records;) {
    rd_kafka_resp_err_t error = rd_kafka_producev(client, RD_KAFKA_V_TOPIC(words[2]), RD_KAFKA_V_VALUE(value, bytes),
                                                  RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    if (error == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
      rd_kafka_poll(client, 10);
    } else if (error) {
      fprintf(stderr, "%s\n", rd_kafka_err2str(error));
      return 1;
    } else {
      i++;
      rd_kafka_poll(client, 0);
    }
  }
  rd_kafka_flush(client, 60000);
  rd_kafka_destroy(client);
  free(value);
  printf("%ld records acknowledged, %ld refused\n", acknowledged, refused);
  return acknowledged == records ? 0 : 1;
}
