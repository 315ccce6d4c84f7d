#include "gateway/process_stats.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { COUNT_MAX = 4096 }; /* connections, for the folder to be read */

/* The first bytes of a file of /proc, as a string. */
static bool read_proc_text(const char *path, char *out, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, out, size - 1);
	close(fd);
	if (n <= 0)
		return false;
	out[n] = '\0';
	return true;
}

static uint64_t cpu_clock_us(clockid_t which)
{
	struct timespec now = {0};

	clock_gettime(which, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Computed once: process_start_time_seconds must not change when the clock is
 * set. (/proc/stat may be hidden.) */
static uint64_t boot_time_us(struct process_stats *stats)
{
	if (stats->boot_us == 0)
		stats->boot_us = cpu_clock_us(CLOCK_REALTIME) -
				 cpu_clock_us(CLOCK_BOOTTIME);
	return stats->boot_us;
}

/* proc(5). The program's name, which may contain anything, ends at the last
 * ')'.
 */
static void take_proc_stat(struct process_stats *stats, struct metrics *m)
{
	uint64_t user, system, start, virtual, rss;
	uint64_t tick_us = 1000000 / (uint64_t)sysconf(_SC_CLK_TCK);
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	char text[1024];
	const char *at;

	if (!read_proc_text("/proc/self/stat", text, sizeof(text)))
		return;
	at = strrchr(text, ')');
	if (at == NULL ||
	    sscanf(at,
		   ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64
		   " %" SCNu64 " %*d %*d %*d %*d %*d %*d %" SCNu64 " %" SCNu64
		   " %" SCNu64,
		   &user, &system, &start, &virtual, &rss) != 5)
		return;
	m->time_us[METRIC_TIME_PROCESS_CPU] = (user + system) * tick_us;
	m->time_us[METRIC_TIME_PROCESS_START] =
		boot_time_us(stats) + start * tick_us;
	metric_set(m, METRIC_PROCESS_VIRTUAL, virtual);
	metric_set(m, METRIC_PROCESS_RSS, rss * page);
}

static uint64_t read_fd_folder(void)
{
	uint64_t n = 0;
	DIR *dir = opendir("/proc/self/fd");

	if (dir == NULL)
		return 0;
	for (const struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
		n += e->d_name[0] != '.';
	closedir(dir);
	return n - 1; /* less the folder's own */
}

/* Linux 6.2 and later count the descriptors. Before, the folder must be read,
 * which takes 80 ms for 100,000 of them: with many connections, the number of
 * other descriptors is that of the last reading. */
static uint64_t count_descriptors(struct process_stats *stats,
				  uint64_t connections)
{
	struct stat st;
	uint64_t n;

	if (stat("/proc/self/fd", &st) == 0 && st.st_size > 0)
		return (uint64_t)st.st_size;
	if (connections < COUNT_MAX) {
		n = read_fd_folder();
		stats->other_fds = n > connections ? n - connections : 0;
	}
	return connections + stats->other_fds;
}

void process_stats_gauges(struct process_stats *stats, struct metrics *m,
			  uint64_t connections)
{
	struct rlimit lim;

	take_proc_stat(stats, m);
	metric_set(m, METRIC_PROCESS_FDS,
		   count_descriptors(stats, connections));
	if (getrlimit(RLIMIT_NOFILE, &lim) == 0)
		metric_set(m, METRIC_PROCESS_MAX_FDS, lim.rlim_cur);
}
