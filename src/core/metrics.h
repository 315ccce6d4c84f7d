/* Counters and gauges, and their Prometheus text (exposition format 0.0.4).
 * Plain numbers written by the loop's thread only. One table for the enum, the
 * names and the help; a family's rows stand together. */
#ifndef SLUICE_METRICS_H
#define SLUICE_METRICS_H

#include <stdint.h>

#include "buf.h"
#include "refusal.h"

/* X(enum, type, family, labels, help); the help stands in a family's first
 * row. */
#define METRICS(X)                                                           \
	X(CONNECTIONS, gauge, "sluice_connections", "",                      \
	  "Open client connections.")                                        \
	X(ACCEPTED, counter, "sluice_connections_accepted_total", "",        \
	  "Client connections accepted.")                                    \
	X(STREAMS_LIVE, gauge, "sluice_streams", "state=\"live\"",           \
	  "Open event streams by state.")                                    \
	X(STREAMS_LAGGED, gauge, "sluice_streams", "state=\"lagged\"", "")   \
	X(STREAMS_REPLAY, gauge, "sluice_streams", "state=\"replay\"", "")   \
	X(STREAMS_WAITING, gauge, "sluice_streams", "state=\"waiting\"", "") \
	X(EVENTS_LOG, counter, "sluice_events_sent_total", "source=\"log\"", \
	  "Messages delivered to clients, by where they came from.")         \
	X(EVENTS_REPLAY, counter, "sluice_events_sent_total",                \
	  "source=\"replay\"", "")                                           \
	X(BYTES_SENT, counter, "sluice_bytes_sent_total", "",                \
	  "Bytes written to clients.")                                       \
	X(PINGS, counter, "sluice_pings_sent_total", "",                     \
	  "Pings written to clients.")                                       \
	X(GAPS_EXPIRED, counter, "sluice_gaps_total", "reason=\"expired\"",  \
	  "Gap events told to clients.")                                     \
	X(GAPS_RESET, counter, "sluice_gaps_total", "reason=\"reset\"", "")  \
	X(REPLAYS_RUNNING, gauge, "sluice_replays_running", "",              \
	  "Replays that hold one of --max-replays places.")                  \
	X(REPLAYS_WAITING, gauge, "sluice_replays_waiting", "",              \
	  "Streams that wait for a replay's place.")                         \
	X(REPLAYS, counter, "sluice_replays_total", "", "Replays begun.")    \
	X(REPLAY_CONSUMERS, counter, "sluice_replay_consumers_total", "",    \
	  "Consumers created for replays.")                                  \
	X(LOG_BYTES, gauge, "sluice_log_bytes", "",                          \
	  "Bytes of recent messages held in memory.")                        \
	X(LOG_FRAMES, gauge, "sluice_log_frames", "",                        \
	  "Recent messages held in memory.")                                 \
	X(TAIL_HEAD, gauge, "sluice_tail_head_sequence", "",                 \
	  "Newest stream sequence that the tail has processed.")             \
	X(TAIL_MESSAGES, counter, "sluice_tail_messages_total", "",          \
	  "Messages that the tail has received.")                            \
	X(TAIL_RESETS, counter, "sluice_tail_resets_total", "",              \
	  "Times that the tail's consumer was made anew.")                   \
	X(NATS_CONNECTED, gauge, "sluice_nats_connected", "",                \
	  "1 while a NATS session is up.")                                   \
	X(NATS_SESSIONS, counter, "sluice_nats_sessions_total", "",          \
	  "NATS sessions begun.")                                            \
	X(API_ERRORS, counter, "sluice_jetstream_api_errors_total", "",      \
	  "JetStream API answers that were errors, but for \"no message\".")

enum metric {
#define X(name, type, family, labels, help) METRIC_##name,
	METRICS(X)
#undef X
		METRIC_COUNT
};

struct metrics {
	uint64_t value[METRIC_COUNT];
	uint64_t refused[REFUSAL_COUNT]; /* sluice_refused_total{reason=} */
};

/* Appends the whole page, or nothing; 0, -ENOBUFS or -ENOMEM. */
int metrics_render(const struct metrics *m, struct buf *out);

static inline void metric_add(struct metrics *m, enum metric which, uint64_t n)
{
	m->value[which] += n;
}

static inline void metric_set(struct metrics *m, enum metric which, uint64_t v)
{
	m->value[which] = v;
}

#endif
