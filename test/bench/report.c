#include "report.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

static const struct {
	const char *name;
	double percent;
} percentiles[] = {
	{"p50", 50}, {"p90", 90}, {"p99", 99}, {"p99.9", 99.9}, {"max", 100.0}};

enum { N_PERCENTILES = sizeof(percentiles) / sizeof(percentiles[0]) };

static double ms_at(const struct histogram *h, size_t i)
{
	return (double)histogram_percentile(h, percentiles[i].percent) / 1e6;
}

json_t *report_histogram(const struct histogram *h)
{
	json_t *to = json_object();
	json_t *slots = json_array();

	json_object_set_new(to, "n", json_integer((json_int_t)h->n));
	for (size_t i = 0; i < N_PERCENTILES; i++)
		json_object_set_new(to, percentiles[i].name,
				    json_real(ms_at(h, i)));
	for (size_t i = 0; i < HISTOGRAM_SLOTS; i++)
		if (h->slots[i] > 0)
			json_array_append_new(
				slots,
				json_pack("[I,I]",
					  (json_int_t)histogram_slot_top(i),
					  (json_int_t)h->slots[i]));
	json_object_set_new(to, "slots", slots);
	return to;
}

const char *report_percentiles(const struct histogram *h)
{
	static char text[160];
	int len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < N_PERCENTILES; i++)
		len += snprintf(text + len, sizeof(text) - (size_t)len,
				"%s%s %.3f", i == 0 ? "" : " ",
				percentiles[i].name, ms_at(h, i));
	return text;
}

static double seconds(const struct timeval *tv)
{
	return (double)tv->tv_sec + (double)tv->tv_usec / 1e6;
}

json_t *report_self(void)
{
	struct rusage use;

	getrusage(RUSAGE_SELF, &use);
	return json_pack("{s:f,s:f,s:I}", "user_s", seconds(&use.ru_utime),
			 "system_s", seconds(&use.ru_stime), "peak_kib",
			 (json_int_t)use.ru_maxrss);
}

/* Lines "name value"; a nested value has the name "outer.inner". */
static void print(const char *prefix, json_t *object)
{
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value)
	{
		char name[96];

		snprintf(name, sizeof(name), "%s%s%s", prefix,
			 prefix[0] == '\0' ? "" : ".", key);
		if (json_is_object(value))
			print(name, value);
		else if (json_is_integer(value))
			printf("%-28s %lld\n", name,
			       (long long)json_integer_value(value));
		else if (json_is_real(value))
			printf("%-28s %.3f\n", name, json_real_value(value));
		else if (json_is_string(value))
			printf("%-28s %s\n", name, json_string_value(value));
	}
}

int report_end(json_t *result, const char *path)
{
	int rc = 0;

	print("", result);
	fflush(stdout);
	if (path != NULL && json_dump_file(result, path, JSON_COMPACT) < 0) {
		fprintf(stderr, "%s: cannot be written\n", path);
		rc = -EIO;
	}
	json_decref(result);
	return rc;
}
