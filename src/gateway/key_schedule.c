#include "gateway/key_schedule.h"

void key_schedule_init(struct key_schedule *s, uint64_t now_ms)
{
	*s = (struct key_schedule){.next_ms = now_ms, .kid_next_ms = now_ms};
}

void key_schedule_request(struct key_schedule *s, uint64_t now_ms)
{
	s->next_ms = now_ms;
}

static uint64_t next_due_ms(const struct key_schedule *s)
{
	return s->kid_wanted && s->kid_next_ms < s->next_ms ? s->kid_next_ms
							    : s->next_ms;
}

bool key_schedule_want_kid(struct key_schedule *s, bool again, uint64_t now_ms,
			   uint64_t wait_ms)
{
	if (s->fetching)
		return true;
	if (!again || s->kid_next_ms <= now_ms)
		s->kid_wanted = true;
	return next_due_ms(s) <= now_ms + wait_ms;
}

/* Any fetch answers the tokens so far. */
bool key_schedule_begin(struct key_schedule *s, uint64_t now_ms)
{
	if (key_schedule_next_ms(s) > now_ms)
		return false;
	if (s->kid_wanted && s->kid_next_ms <= now_ms)
		s->kid_next_ms = now_ms + KEY_KID_MS;
	s->kid_wanted = false;
	s->fetching = true;
	s->next_ms = UINT64_MAX;
	return true;
}

/* A request during the fetch stays due. */
static void end_key_fetch(struct key_schedule *s, uint64_t next_ms)
{
	s->fetching = false;
	if (s->next_ms > next_ms)
		s->next_ms = next_ms;
}

/* A tenth before the keys get old: a fetch takes its time. */
static uint64_t refresh_delay_ms(uint64_t lifetime_s)
{
	uint64_t ms = KEY_REFRESH_MAX_MS;

	if (lifetime_s == 0)
		return KEY_REVALIDATE_MS;
	if (lifetime_s < ms / 1000)
		ms = lifetime_s * 1000;
	ms -= ms / 10;
	return ms > KEY_REFRESH_MIN_MS ? ms : KEY_REFRESH_MIN_MS;
}

void key_schedule_fetched(struct key_schedule *s, uint64_t now_ms,
			  uint64_t lifetime_s)
{
	s->retry_ms = 0;
	end_key_fetch(s, now_ms + refresh_delay_ms(lifetime_s));
}

void key_schedule_failed(struct key_schedule *s, uint64_t now_ms)
{
	s->retry_ms = s->retry_ms == 0 ? KEY_RETRY_MIN_MS : s->retry_ms * 2;
	if (s->retry_ms > KEY_RETRY_MAX_MS)
		s->retry_ms = KEY_RETRY_MAX_MS;
	end_key_fetch(s, now_ms + s->retry_ms);
}

uint64_t key_schedule_next_ms(const struct key_schedule *s)
{
	return s->fetching ? UINT64_MAX : next_due_ms(s);
}
