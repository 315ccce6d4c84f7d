#include "http/batch_results.h"

#include "base/check.h"
#include "http/batch_result.h"

void batch_results_init(struct batch_results *r, size_t max)
{
	*r = (struct batch_results){0};
	list_init(&r->places);
	buf_init(&r->out, max);
}

void batch_results_finish(struct batch_results *r)
{
	MUST(r->n_places == 0);
	buf_finish(&r->out);
}

void batch_results_add(struct batch_results *r, struct batch_place *place)
{
	*place = (struct batch_place){0};
	buf_init(&place->text, BATCH_RESULT_MAX);
	list_push_back(&r->places, &place->in_places);
	r->n_places++;
	r->n_lines++;
}

void batch_results_cancel(struct batch_results *r, struct batch_place *place)
{
	MUST(r->places.prev == &place->in_places && !place->is_known);
	list_remove(&place->in_places);
	r->n_places--;
	r->n_lines--;
}

/* Results in order, as nearly all are, are written once. */
static struct buf *begin_result(struct batch_results *r,
				struct batch_place *place)
{
	if (place == NULL) {
		MUST(r->n_places == 0);
		r->n_lines++;
		return &r->out;
	}
	MUST(!place->is_known);
	place->is_known = true;
	return list_first(&r->places) == &place->in_places ? &r->out
							   : &place->text;
}

int batch_results_stored(struct batch_results *r, struct batch_place *place,
			 uint64_t seq, const struct sse_tag *tag,
			 bool is_duplicate)
{
	return batch_result_stored(begin_result(r, place), seq, tag,
				   is_duplicate);
}

int batch_results_problem(struct batch_results *r, struct batch_place *place,
			  const struct problem *p)
{
	r->has_failure = true;
	return batch_result_problem(begin_result(r, place), p);
}

struct batch_place *batch_results_drop(struct batch_results *r)
{
	struct list *node = list_pop(&r->places);
	struct batch_place *place;

	if (node == NULL)
		return NULL;
	place = CONTAINER_OF(node, struct batch_place, in_places);
	r->n_places--;
	buf_finish(&place->text);
	return place;
}

struct batch_place *batch_results_take(struct batch_results *r, int *rc)
{
	struct list *node = list_first(&r->places);
	const struct batch_place *place;

	*rc = 0;
	if (node == NULL)
		return NULL;
	place = CONTAINER_OF(node, struct batch_place, in_places);
	if (!place->is_known)
		return NULL;
	if (buf_unread(&place->text) > 0)
		*rc = buf_put(&r->out, buf_data(&place->text),
			      buf_unread(&place->text));
	return batch_results_drop(r);
}
