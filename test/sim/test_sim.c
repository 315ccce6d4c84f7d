/* The hand-over protocol on the real core (buffer, cursor, tail, replay, hub),
 * with a simulated JetStream and a logical clock. Each seed is one random
 * interleaving of events. What a client receives is decoded from the bytes that
 * its socket took; it and the hub's invariants are checked after every event.
 *
 *	test_sim [--features SET] [--seeds N] [--from SEED] [--seed SEED]
 *	         [--mutation NAME]
 *	test_sim [--features SET] --suite SEEDS | --mutations SEEDS
 *	test_sim --pace SEEDS | --scene NAME [--seed SEED]
 *
 *	--seed       replays one seed and prints what happens
 *	--mutation   switches on one wrong rule of base/mutation.h
 *	--features   kinds of faults that seeds may have (sim.h): "all", "none",
 *	             "suite" (the default), or a list; -NAME removes one
 *	--suite      TAP: all seeds must hold
 *	--mutations  TAP: each wrong rule must be caught by a seed
 *	--pace       TAP: the scenes of pace.c; --scene runs one of them */
#include "sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum mutation mutation_now;

#define X(name, suite, text) | ((unsigned)(suite) << FEATURE_##name)
enum { FEATURES_SUITE = 0 FEATURES(X) };
#undef X

unsigned sim_features = FEATURES_SUITE;

const char *const feature_names[FEATURE_COUNT] = {
#define X(name, suite, text) #name,
	FEATURES(X)
#undef X
};

static const struct {
	const char *name;
	bool suite;
	const char *text;
} scenes[SCENE_COUNT] = {
#define X(name, suite, text) {#name, suite, text},
	SCENES(X)
#undef X
};

static const char *const mutation_names[] = {"NONE",
#define X(name, text) #name,
					     MUTATIONS(X)
#undef X
};

uint64_t sim_rnd(struct sim *s, uint64_t below)
{
	uint64_t z = (s->random += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return (z ^ (z >> 31)) % below;
}

void sim_fail(struct sim *s, const char *fmt, ...)
{
	va_list ap;

	if (s->failed)
		return;
	s->failed = true;
	va_start(ap, fmt);
	vsnprintf(s->why, sizeof(s->why), fmt, ap);
	va_end(ap);
}

void sim_say(struct sim *s, const char *fmt, ...)
{
	va_list ap;

	if (!s->verbose)
		return;
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

static bool run_seeds(uint64_t from, uint64_t n)
{
	uint64_t bad = 0;
	char why[256];

	for (uint64_t seed = from; seed < from + n; seed++) {
		if (world_run(seed, false, why, sizeof(why)))
			continue;
		printf("# seed %" PRIu64 ": %s\n", seed, why);
		if (++bad == 20)
			break;
	}
	fflush(stdout);
	return bad == 0;
}

static int suite(uint64_t seeds)
{
	bool ok = run_seeds(1, seeds);

	printf("%sok 1 - %" PRIu64 " seeds hold\n1..1\n", ok ? "" : "not ",
	       seeds);
	return !ok;
}

/* The seed at which a scene fails, or 0. */
static uint64_t scene_fails(enum scene scene, uint64_t seeds, char *why,
			    size_t size)
{
	for (uint64_t seed = 1; seed <= seeds; seed++)
		if (!pace_run(scene, seed, false, why, size))
			return seed;
	return 0;
}

/* A rule that loses nothing and takes too long shows in a scene. */
static enum scene scene_of(enum mutation m)
{
	switch (m) {
	case MUTATION_NO_BACKOFF:
		return SCENE_REFUSED;
	case MUTATION_NO_ROTATION:
		return SCENE_SLOTS;
	default:
		return SCENE_COUNT;
	}
}

/* The seed that catches a mutation, or 0. */
static uint64_t caught_by(enum mutation m, uint64_t seeds, char *why,
			  size_t size)
{
	uint64_t seed = 0;

	mutation_now = m;
	if (scene_of(m) != SCENE_COUNT) {
		seed = scene_fails(scene_of(m), 20, why, size);
	} else {
		while (++seed <= seeds && world_run(seed, false, why, size))
			;
		seed = seed <= seeds ? seed : 0;
	}
	mutation_now = MUTATION_NONE;
	return seed;
}

static int mutations(uint64_t seeds)
{
	int bad = 0;

	printf("1..%d\n", MUTATION_COUNT - 1);
	for (int m = 1; m < MUTATION_COUNT; m++) {
		char why[256] = "";
		uint64_t seed =
			caught_by((enum mutation)m, seeds, why, sizeof(why));

		printf("%sok %d - %s is caught", seed ? "" : "not ", m,
		       mutation_names[m]);
		printf(seed ? " # seed %" PRIu64 ": %s\n" : "\n", seed, why);
		fflush(stdout);
		bad += seed == 0;
	}
	return bad != 0;
}

static int pace(uint64_t seeds)
{
	int n = 0, bad = 0;

	for (int i = 0; i < SCENE_COUNT; i++) {
		char why[256] = "";
		uint64_t seed;

		if (!scenes[i].suite)
			continue;
		seed = scene_fails((enum scene)i, seeds, why, sizeof(why));
		printf("%sok %d - %s: %s", seed ? "not " : "", ++n,
		       scenes[i].name, scenes[i].text);
		printf(seed ? " # seed %" PRIu64 ": %s\n" : "\n", seed, why);
		bad += seed != 0;
	}
	printf("1..%d\n", n);
	return bad != 0;
}

static int one_scene(const char *name, uint64_t seed, uint64_t seeds)
{
	char why[256] = "";
	int i = 0;

	while (i < SCENE_COUNT && strcmp(name, scenes[i].name) != 0)
		i++;
	if (i == SCENE_COUNT) {
		fprintf(stderr, "no such scene: %s\n", name);
		return 2;
	}
	if (seed != 0)
		pace_run((enum scene)i, seed, true, why, sizeof(why));
	else
		seed = scene_fails((enum scene)i, seeds, why, sizeof(why));
	printf("%s: %s\n", name, why[0] ? why : "holds");
	if (why[0])
		printf("seed %" PRIu64 "\n", seed);
	return why[0] != '\0';
}

static int by_name(const char *const *names, int n, const char *name,
		   const char *what)
{
	for (int i = 0; i < n; i++)
		if (strcmp(name, names[i]) == 0)
			return i;
	fprintf(stderr, "no such %s: %s\n", what, name);
	exit(2);
}

static void choose_features(char *set)
{
	char *save = NULL;

	sim_features = set[0] == '-' ? FEATURES_SUITE : 0;
	for (char *name = strtok_r(set, ",", &save); name != NULL;
	     name = strtok_r(NULL, ",", &save)) {
		unsigned bits;

		if (strcmp(name, "all") == 0)
			bits = (1u << FEATURE_COUNT) - 1;
		else if (strcmp(name, "suite") == 0)
			bits = FEATURES_SUITE;
		else if (strcmp(name, "none") == 0)
			bits = 0;
		else
			bits = 1u
			       << by_name(feature_names, FEATURE_COUNT,
					  name + (name[0] == '-'), "feature");
		if (name[0] == '-')
			sim_features &= ~bits;
		else
			sim_features |= bits;
	}
}

int main(int argc, char **argv)
{
	uint64_t seeds = 500, from = 1, one = 0;
	const char *scene = NULL;
	char why[256];

	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--seeds") == 0)
			seeds = strtoull(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--from") == 0)
			from = strtoull(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--seed") == 0)
			one = strtoull(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--features") == 0)
			choose_features(argv[i + 1]);
		else if (strcmp(argv[i], "--mutation") == 0)
			mutation_now =
				(enum mutation)by_name(mutation_names,
						       MUTATION_COUNT,
						       argv[i + 1], "mutation");
		else if (strcmp(argv[i], "--scene") == 0)
			scene = argv[i + 1];
		else if (strcmp(argv[i], "--pace") == 0)
			return pace(strtoull(argv[i + 1], NULL, 10));
		else if (strcmp(argv[i], "--suite") == 0)
			return suite(strtoull(argv[i + 1], NULL, 10));
		else if (strcmp(argv[i], "--mutations") == 0)
			return mutations(strtoull(argv[i + 1], NULL, 10));
	}
	if (scene != NULL)
		return one_scene(scene, one, seeds);
	if (one != 0) {
		bool ok = world_run(one, true, why, sizeof(why));

		printf("seed %" PRIu64 ": %s\n", one, ok ? "holds" : why);
		return !ok;
	}
	return !run_seeds(from, seeds);
}
