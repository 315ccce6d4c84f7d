/* Counters and gauges as Prometheus text (exposition format 0.0.4). Plain
 * numbers, written by the thread of the loop alone. One table for the enum, the
 * names and the help; the rows of a family are adjacent. */
#ifndef SLUICE_METRICS_H
#define SLUICE_METRICS_H

#include <stdint.h>

#include "base/buf.h"
#include "base/close_reason.h"
#include "base/histogram.h"
#include "base/reject_reason.h"

/* X(enum, type, family, labels, help); the first row of a family has its help.
 */
#define METRICS(X)                                                             \
	X(CONN_REQUEST, gauge, "sluice_connections", "state=\"request\"",      \
	  "Open connections, by state.")                                       \
	X(CONN_WAITING, gauge, "sluice_connections", "state=\"waiting\"", "")  \
	X(CONN_IDLE, gauge, "sluice_connections", "state=\"idle\"", "")        \
	X(CONN_BODY, gauge, "sluice_connections", "state=\"body\"", "")        \
	X(CONN_PENDING, gauge, "sluice_connections", "state=\"pending\"", "")  \
	X(CONN_RESPONSE, gauge, "sluice_connections", "state=\"response\"",    \
	  "")                                                                  \
	X(CONN_SUBSCRIPTION, gauge, "sluice_connections",                      \
	  "state=\"subscription\"", "")                                        \
	X(CONN_LINGER, gauge, "sluice_connections", "state=\"linger\"", "")    \
	X(CONN_MAX, gauge, "sluice_connections_max", "",                       \
	  "Limit of subscriptions (--max-connections).")                       \
	X(ACCEPTED, counter, "sluice_connections_accepted_total", "",          \
	  "Connections accepted.")                                             \
	X(ACCEPT_ERRORS, counter, "sluice_accept_errors_total", "",            \
	  "Errors of accept4() after which accepting paused.")                 \
	X(DROPPED_PUBLIC_FULL, counter, "sluice_connections_dropped_total",    \
	  "reason=\"public_full\"",                                            \
	  "Connections closed without a response, by reason.")                 \
	X(DROPPED_ADMIN_FULL, counter, "sluice_connections_dropped_total",     \
	  "reason=\"admin_full\"", "")                                         \
	X(DROPPED_HEADS_FULL, counter, "sluice_connections_dropped_total",     \
	  "reason=\"heads_full\"", "")                                         \
	X(DROPPED_NO_MEMORY, counter, "sluice_connections_dropped_total",      \
	  "reason=\"no_memory\"", "")                                          \
	X(DROPPED_NO_WATCH, counter, "sluice_connections_dropped_total",       \
	  "reason=\"no_watch\"", "")                                           \
	X(DROPPED_FAULT, counter, "sluice_connections_dropped_total",          \
	  "reason=\"internal_error\"", "")                                     \
	X(SUBSCRIPTIONS_LIVE, gauge, "sluice_subscriptions", "state=\"live\"", \
	  "Open subscriptions, by state.")                                     \
	X(SUBSCRIPTIONS_EVICTED_NOW, gauge, "sluice_subscriptions",            \
	  "state=\"evicted\"", "")                                             \
	X(SUBSCRIPTIONS_REPLAY, gauge, "sluice_subscriptions",                 \
	  "state=\"replay\"", "")                                              \
	X(SUBSCRIPTIONS_WAITING, gauge, "sluice_subscriptions",                \
	  "state=\"waiting\"", "")                                             \
	X(SUBSCRIPTIONS_SLOW, gauge, "sluice_subscriptions_slow", "",          \
	  "Open subscriptions with a full socket.")                            \
	X(SUBSCRIPTIONS_OPENED, counter, "sluice_subscriptions_opened_total",  \
	  "", "Subscriptions opened.")                                         \
	X(SUBSCRIPTIONS_EVICTED, counter,                                      \
	  "sluice_subscriptions_evicted_total", "",                            \
	  "Times that the buffer no longer held what a subscription needed.")  \
	X(EVENTS_BUFFER, counter, "sluice_events_sent_total",                  \
	  "source=\"buffer\"", "Messages delivered to clients, by source.")    \
	X(EVENTS_REPLAY, counter, "sluice_events_sent_total",                  \
	  "source=\"replay\"", "")                                             \
	X(BYTES_BUFFER, counter, "sluice_event_bytes_sent_total",              \
	  "source=\"buffer\"",                                                 \
	  "Bytes of delivered messages on the wire, by source.")               \
	X(BYTES_REPLAY, counter, "sluice_event_bytes_sent_total",              \
	  "source=\"replay\"", "")                                             \
	X(BYTES_SENT, counter, "sluice_bytes_sent_total", "",                  \
	  "Bytes of subscriptions that sockets accepted.")                     \
	X(PINGS, counter, "sluice_pings_sent_total", "", "Pings sent.")        \
	X(GAPS_EXPIRED, counter, "sluice_gaps_total", "reason=\"expired\"",    \
	  "Gaps reported to clients, by reason.")                              \
	X(GAPS_RESET, counter, "sluice_gaps_total", "reason=\"reset\"", "")    \
	X(GAPS_AWAY, counter, "sluice_gaps_total", "reason=\"away\"", "")      \
	X(GAPS_SLOW, counter, "sluice_gaps_total", "reason=\"slow\"", "")      \
	X(REPLAYS_RUNNING, gauge, "sluice_replays_running", "",                \
	  "Replays running; each holds a slot.")                               \
	X(REPLAYS_WAITING, gauge, "sluice_replays_waiting", "",                \
	  "Subscriptions waiting for a replay slot.")                          \
	X(REPLAYS_MAX, gauge, "sluice_replays_max", "",                        \
	  "Replay slots (--max-replays).")                                     \
	X(REPLAYS, counter, "sluice_replays_total", "", "Replays started.")    \
	X(REPLAY_CONSUMERS, counter, "sluice_replay_consumers_total", "",      \
	  "Consumers created for replays.")                                    \
	X(BUFFER_BYTES, gauge, "sluice_buffer_bytes", "",                      \
	  "Bytes of recent messages in the buffer.")                           \
	X(BUFFER_FRAMES, gauge, "sluice_buffer_frames", "",                    \
	  "Recent messages in the buffer.")                                    \
	X(TAIL_LAST_SEQ, gauge, "sluice_tail_last_sequence", "",               \
	  "Newest stream sequence that the tail has processed.")               \
	X(TAIL_MESSAGES, counter, "sluice_tail_messages_total", "",            \
	  "Messages received by the tail.")                                    \
	X(TAIL_PULLS, counter, "sluice_tail_pulls_total", "",                  \
	  "Pull requests of the tail.")                                        \
	X(TAIL_OUTSTANDING, gauge, "sluice_tail_pull_outstanding_messages",    \
	  "", "Messages requested by the tail and not yet received.")          \
	X(TAIL_LAG, gauge, "sluice_tail_lag_messages", "",                     \
	  "Messages that the server still had for the tail, as of its last "   \
	  "message.")                                                          \
	X(RESET_LOST, counter, "sluice_tail_resets_total", "reason=\"lost\"",  \
	  "Times that the tail's consumer was recreated, by reason.")          \
	X(RESET_SILENT, counter, "sluice_tail_resets_total",                   \
	  "reason=\"silent\"", "")                                             \
	X(RESET_CONSUMER_GONE, counter, "sluice_tail_resets_total",            \
	  "reason=\"consumer_gone\"", "")                                      \
	X(RESET_PULL_REJECTED, counter, "sluice_tail_resets_total",            \
	  "reason=\"pull_rejected\"", "")                                      \
	X(RESET_SKIPPED, counter, "sluice_tail_resets_total",                  \
	  "reason=\"skipped\"", "")                                            \
	X(RESET_STREAM, counter, "sluice_tail_resets_total",                   \
	  "reason=\"stream_changed\"", "")                                     \
	X(RESET_BEHIND, counter, "sluice_tail_resets_total",                   \
	  "reason=\"leader_behind\"", "")                                      \
	X(CHANGE_RECREATED, counter, "sluice_jetstream_stream_changes_total",  \
	  "change=\"recreated\"", "Changes of the stream, by kind.")           \
	X(CHANGE_ROLLED_BACK, counter,                                         \
	  "sluice_jetstream_stream_changes_total", "change=\"rolled_back\"",   \
	  "")                                                                  \
	X(CHANGE_TRIMMED, counter, "sluice_jetstream_stream_changes_total",    \
	  "change=\"trimmed\"", "")                                            \
	X(UNMATCHED, gauge, "sluice_template_unmatched", "",                   \
	  "1 while --subject and --allow-sub match no subject of the stream: " \
	  "no event can arrive.")                                              \
	X(NATS_CONNECTED, gauge, "sluice_nats_connected", "",                  \
	  "1 while a NATS session is up.")                                     \
	X(NATS_SESSIONS, counter, "sluice_nats_sessions_total", "",            \
	  "NATS sessions started.")                                            \
	X(NATS_FAILURES, counter, "sluice_nats_connect_failures_total", "",    \
	  "Failed attempts to connect to NATS.")                               \
	X(NATS_HUNG, gauge, "sluice_nats_connects_hung", "",                   \
	  "Connects to NATS servers that do not return; the server is "        \
	  "skipped.")                                                          \
	X(REQUESTS_IN_FLIGHT, gauge, "sluice_requests_in_flight", "",          \
	  "Requests that read a body or wait for NATS.")                       \
	X(BODY_BYTES, gauge, "sluice_request_body_bytes", "",                  \
	  "Bytes of request bodies in memory.")                                \
	X(PUBLISHED_STORED, counter, "sluice_publishes_total",                 \
	  "result=\"stored\"",                                                 \
	  "Messages that clients published to the stream, by result.")         \
	X(PUBLISHED_DUPLICATE, counter, "sluice_publishes_total",              \
	  "result=\"duplicate\"", "")                                          \
	X(PUBLISHED_REJECTED, counter, "sluice_publishes_total",               \
	  "result=\"rejected\"", "")                                           \
	X(PUBLISHED_UNKNOWN, counter, "sluice_publishes_total",                \
	  "result=\"unknown\"", "")                                            \
	X(CORE_SUBSCRIPTIONS, gauge, "sluice_core_subscriptions", "",          \
	  "Open live subscriptions of subjects of core NATS.")                 \
	X(CORE_FEEDS, gauge, "sluice_core_nats_subscriptions", "",             \
	  "Subscriptions at the NATS server that they share.")                 \
	X(CORE_BYTES, gauge, "sluice_core_memory_bytes", "",                   \
	  "Bytes of messages that slow live subscriptions still need.")        \
	X(CORE_SENT, counter, "sluice_core_messages_sent_total", "",           \
	  "Messages of core NATS delivered to clients.")                       \
	X(CORE_DROPPED, counter, "sluice_core_messages_dropped_total", "",     \
	  "Messages of core NATS that clients missed because they, or the "    \
	  "gateway, were too slow.")                                           \
	X(CORE_PUBLISHED, counter, "sluice_core_publishes_total",              \
	  "result=\"sent\"",                                                   \
	  "Messages that clients published by core NATS, by result.")          \
	X(CORE_PUBLISHES_REJECTED, counter, "sluice_core_publishes_total",     \
	  "result=\"rejected\"", "")                                           \
	X(CORE_PUBLISHES_UNKNOWN, counter, "sluice_core_publishes_total",      \
	  "result=\"unknown\"", "")                                            \
	X(CORE_REPLIED, counter, "sluice_core_requests_total",                 \
	  "result=\"replied\"", "Requests that clients sent, by result.")      \
	X(CORE_REQUESTS_REJECTED, counter, "sluice_core_requests_total",       \
	  "result=\"rejected\"", "")                                           \
	X(CORE_REQUESTS_UNKNOWN, counter, "sluice_core_requests_total",        \
	  "result=\"unknown\"", "")                                            \
	X(KV_READ_OK, counter, "sluice_kv_requests_total",                     \
	  "op=\"read\",result=\"ok\"",                                         \
	  "Requests for key-value entries that reached NATS, by kind and "     \
	  "result.")                                                           \
	X(KV_READ_REJECTED, counter, "sluice_kv_requests_total",               \
	  "op=\"read\",result=\"rejected\"", "")                               \
	X(KV_READ_FAILED, counter, "sluice_kv_requests_total",                 \
	  "op=\"read\",result=\"failed\"", "")                                 \
	X(KV_LIST_OK, counter, "sluice_kv_requests_total",                     \
	  "op=\"list\",result=\"ok\"", "")                                     \
	X(KV_LIST_REJECTED, counter, "sluice_kv_requests_total",               \
	  "op=\"list\",result=\"rejected\"", "")                               \
	X(KV_LIST_FAILED, counter, "sluice_kv_requests_total",                 \
	  "op=\"list\",result=\"failed\"", "")                                 \
	X(KV_WRITE_OK, counter, "sluice_kv_requests_total",                    \
	  "op=\"write\",result=\"ok\"", "")                                    \
	X(KV_WRITE_REJECTED, counter, "sluice_kv_requests_total",              \
	  "op=\"write\",result=\"rejected\"", "")                              \
	X(KV_WRITE_FAILED, counter, "sluice_kv_requests_total",                \
	  "op=\"write\",result=\"failed\"", "")                                \
	X(READY, gauge, "sluice_ready", "", "1 while /readyz is 200.")         \
	X(ERRORS_INFO, counter, "sluice_jetstream_api_errors_total",           \
	  "call=\"stream_info\"",                                              \
	  "Error responses of the JetStream API except \"no message\", by "    \
	  "call.")                                                             \
	X(ERRORS_GET, counter, "sluice_jetstream_api_errors_total",            \
	  "call=\"message_get\"", "")                                          \
	X(ERRORS_CREATE, counter, "sluice_jetstream_api_errors_total",         \
	  "call=\"consumer_create\"", "")                                      \
	X(ERRORS_PULL, counter, "sluice_jetstream_api_errors_total",           \
	  "call=\"message_next\"", "")                                         \
	X(LATE_RESPONSES, counter, "sluice_jetstream_late_responses_total",    \
	  "", "JetStream responses that arrived after their timeout.")         \
	X(JWT_KEYS, gauge, "sluice_jwt_keys", "",                              \
	  "Keys that tokens are verified with.")                               \
	X(JWT_KEY_FETCHES, counter, "sluice_jwt_key_fetches_total", "",        \
	  "Fetches of the URL of --jwt-key, failed ones included.")            \
	X(JWT_KEY_FAILURES, counter, "sluice_jwt_key_failures_total", "",      \
	  "Failed reads of the file of --jwt-key or --jwt-secret, and failed " \
	  "fetches of the URL.")                                               \
	X(LINES_LOST, counter, "sluice_log_lines_lost_total", "",              \
	  "Lines of the log and the access log that were lost.")               \
	X(PROCESS_RSS, gauge, "process_resident_memory_bytes", "",             \
	  "Resident memory size in bytes.")                                    \
	X(PROCESS_VIRTUAL, gauge, "process_virtual_memory_bytes", "",          \
	  "Virtual memory size in bytes.")                                     \
	X(PROCESS_FDS, gauge, "process_open_fds", "",                          \
	  "Open file descriptors.")                                            \
	X(PROCESS_MAX_FDS, gauge, "process_max_fds", "",                       \
	  "Limit of open file descriptors.")

/* X(enum, type, family, help): stored in microseconds, shown in seconds. */
#define METRICS_TIMES(X)                                         \
	X(BUFFER_AGE, gauge, "sluice_buffer_oldest_age_seconds", \
	  "Age of the oldest message in the buffer.")            \
	X(PROCESS_CPU, counter, "process_cpu_seconds_total",     \
	  "User and system CPU time spent.")                     \
	X(PROCESS_START, gauge, "process_start_time_seconds",    \
	  "Start time of the process since 1970.")

/* X(enum, family, help): histograms of times. */
#define METRICS_SPREADS(X)                                                 \
	X(LATENCY, "sluice_event_latency_seconds",                         \
	  "Time from when JetStream stored a message to its write to the " \
	  "socket of a live subscription.")                                \
	X(SUBSCRIPTION_TIME, "sluice_subscription_duration_seconds",       \
	  "Time from open to close, of closed subscriptions.")             \
	X(REPLAY_TIME, "sluice_replay_duration_seconds",                   \
	  "Duration of the replays that reached the buffer.")              \
	X(ROUND_TRIP, "sluice_jetstream_api_round_trip_seconds",           \
	  "Time from a JetStream API request to its response.")            \
	X(ACK_TIME, "sluice_publish_round_trip_seconds",                   \
	  "Time from a publish to JetStream's acknowledgement.")           \
	X(LOOP_LAG, "sluice_loop_lag_seconds",                             \
	  "Duration of an iteration of the event loop.")

enum metric {
#define X(name, type, family, labels, help) METRIC_##name,
	METRICS(X)
#undef X
		METRIC_COUNT
};

enum metric_time {
#define X(name, type, family, help) METRIC_TIME_##name,
	METRICS_TIMES(X)
#undef X
		METRIC_TIMES
};

enum metric_spread {
#define X(name, family, help) METRIC_SPREAD_##name,
	METRICS_SPREADS(X)
#undef X
		METRIC_SPREADS
};

struct metrics {
	uint64_t value[METRIC_COUNT];
	uint64_t time_us[METRIC_TIMES];
	struct histogram spread[METRIC_SPREADS];
	/* sluice_requests_rejected_total{reason=} */
	uint64_t rejected[REJECT_COUNT];
	/* sluice_subscriptions_closed_total{reason=} */
	uint64_t closed[CLOSE_REASON_COUNT];
};

/* Name of the family `i`, in the order of the page; NULL beyond the last. */
const char *metrics_family(size_t i);

/* Adds `n` values of `us` microseconds. */
void metrics_observe(struct metrics *m, enum metric_spread which, uint64_t us,
		     uint64_t n);

/* Appends the whole page or nothing. 0, -ENOBUFS or -ENOMEM. */
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
