#include "reverse_proxy.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "bytes.h"
#include "sse_client.h"
#include "test_clock.h"

/* @ stands for the folder, % for the gateway's address. Timeouts are short for
 * clients that do not send what they have announced; no request is sent to the
 * gateway twice. */
static const char nginx_config[] =
	"daemon off;\n"
	"master_process off;\n"
	"pid @/pid;\n"
	"error_log @/error info;\n"
	"events { worker_connections 256; }\n"
	"http {\n"
	"	log_format forwarded 'to=$upstream_status uri=$request_uri';\n"
	"	access_log @/log forwarded;\n"
	"	client_body_temp_path @/body;\n"
	"	proxy_temp_path @/proxy;\n"
	"	fastcgi_temp_path @/fastcgi;\n"
	"	scgi_temp_path @/scgi;\n"
	"	uwsgi_temp_path @/uwsgi;\n"
	"	client_header_timeout 1s;\n"
	"	client_body_timeout 100ms;\n"
	"	lingering_timeout 100ms;\n"
	"	proxy_next_upstream off;\n"
	"	proxy_set_header user_id $http_x_user;\n"
	"	upstream gateway { server %; keepalive 4; }\n"
	"	server {\n"
	"		listen unix:@/nginx-old;\n"
	"		location / {\n"
	"			proxy_pass http://%;\n"
	"			proxy_http_version 1.0;\n"
	"		}\n"
	"	}\n"
	"	server {\n"
	"		listen unix:@/nginx-kept;\n"
	"		location / {\n"
	"			proxy_pass http://gateway;\n"
	"			proxy_http_version 1.1;\n"
	"			proxy_set_header Connection \"\";\n"
	"			proxy_set_header user_id $http_x_user;\n"
	"			proxy_read_timeout 90s;\n"
	"		}\n"
	"	}\n"
	"	server {\n"
	"		listen unix:@/nginx-posts;\n"
	"		client_max_body_size 8m;\n"
	"		client_body_timeout 30s;\n"
	"		location / {\n"
	"			proxy_pass http://gateway;\n"
	"			proxy_http_version 1.1;\n"
	"			proxy_set_header Connection \"\";\n"
	"		}\n"
	"	}\n"
	"	server {\n"
	"		listen unix:@/nginx-streamed;\n"
	"		underscores_in_headers on;\n"
	"		ignore_invalid_headers off;\n"
	"		location / {\n"
	"			proxy_pass http://gateway;\n"
	"			proxy_http_version 1.1;\n"
	"			proxy_request_buffering off;\n"
	"			proxy_set_header Connection \"\";\n"
	"			proxy_set_header Host $http_host;\n"
	"			proxy_set_header user_id $http_x_user;\n"
	"		}\n"
	"	}\n"
	"}\n";

static const char haproxy_config[] =
	"global\n"
	"	log stdout format raw local0\n"
	"	maxconn 256\n"
	"defaults\n"
	"	mode http\n"
	"	log global\n"
	"	log-format \"to=%s uri=%HU\"\n"
	"	timeout connect 5s\n"
	"	timeout client 1s\n"
	"	timeout server 30s\n"
	"	timeout http-request 1s\n"
	"	timeout http-keep-alive 30s\n"
	"	retries 0\n"
	"	http-reuse always\n"
	"	default_backend gateway\n"
	"frontend strict\n"
	"	bind unix@@/haproxy\n"
	"	http-request set-header user_id %[req.hdr(x-user)]\n"
	"frontend posts\n"
	"	bind unix@@/haproxy-posts\n"
	"	timeout client 30s\n"
	"frontend loose\n"
	"	bind unix@@/haproxy-loose\n"
	"	option accept-invalid-http-request\n"
	"	http-request set-header user_id %[req.hdr(x-user)]\n"
	"backend gateway\n"
	"	server gateway %\n";

/* In place of what stands for it: "%" alone, not "%s". */
static void fill_in(struct bytes *out, const char *config, const char *folder,
		    const char *gateway)
{
	for (const char *at = config; *at != '\0'; at++) {
		if (*at == '@' && at[1] == '/')
			bytes_add(out, folder, strlen(folder));
		else if (*at == '%' && strchr(";\n", at[1]) != NULL)
			bytes_add(out, gateway, strlen(gateway));
		else
			bytes_add_char(out, *at);
	}
}

/* Its path, static; NULL: not installed. Proxies are not on everybody's PATH.
 */
static const char *find_program(const char *name)
{
	static const char *const folders[] = {"/usr/sbin", "/usr/local/sbin",
					      "/usr/bin", "/usr/local/bin"};
	static char path[64];

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folders[i], name);
		if (access(path, X_OK) == 0)
			return path;
	}
	fprintf(stderr, "not tested: %s is not installed\n", name);
	return NULL;
}

/* In the child. What it keeps for itself goes into its folder. */
static void run_program(pid_t parent, int out, const char *const *argv,
			const char *folder)
{
	setenv("XDG_CONFIG_HOME", folder, 1);
	setenv("XDG_DATA_HOME", folder, 1);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(126);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	close_range(3, ~0U, 0);
	execv(argv[0], (char *const *)argv);
	_exit(127);
}

static char *read_file(struct reverse_proxy *p, const char *name)
{
	FILE *file = fopen(temp_folder_path(&p->folder, name), "r");
	struct bytes text = {0};
	char buf[4096];
	size_t n;

	while (file != NULL && (n = fread(buf, 1, sizeof(buf), file)) > 0)
		bytes_add(&text, buf, n);
	if (file != NULL)
		fclose(file);
	return text.at != NULL ? text.at : strdup("");
}

static void wait_listening(struct reverse_proxy *p, const char *site)
{
	uint64_t deadline = test_deadline_ms(SSE_CLIENT_WAIT_MS);
	struct sse_client c = {0};

	while (!sse_client_try(&c, reverse_proxy_address(p, site))) {
		bool ended = waitpid(p->pid, NULL, WNOHANG) != 0;

		if (ended)
			p->pid = 0;
		if (ended || test_now_ms() > deadline)
			fail_msg("%s does not listen:\n%s\n%s", p->name,
				 read_file(p, "out"), read_file(p, "error"));
		poll(NULL, 0, 10);
	}
	sse_client_close(&c);
}

static void start_with(struct reverse_proxy *p, const struct bytes *config,
		       const char *const *argv, const char *site)
{
	pid_t parent = getpid();
	int out;

	temp_folder_write(&p->folder, "config", config->at, config->len);
	out = open(temp_folder_path(&p->folder, "out"),
		   O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
	assert_true(out >= 0);
	p->pid = fork();
	if (p->pid == 0)
		run_program(parent, out, argv, p->folder.path);
	close(out);
	assert_true(p->pid > 0);
	wait_listening(p, site);
}

static void start(struct reverse_proxy *p, const char *config,
		  const char *gateway, const char *const *argv,
		  const char *site)
{
	struct bytes text = {0};

	fill_in(&text, config, p->folder.path, gateway);
	start_with(p, &text, argv, site);
	bytes_free(&text);
}

bool reverse_proxy_start_nginx(struct reverse_proxy *p, const char *gateway)
{
	const char *argv[] = {
		find_program("nginx"), "-c", NULL, "-e", NULL, NULL};
	char config[64], error[64];

	if (argv[0] == NULL)
		return false;
	p->name = "nginx";
	assert_int_equal(temp_folder_make(&p->folder), 0);
	snprintf(config, sizeof(config), "%s/config", p->folder.path);
	snprintf(error, sizeof(error), "%s/error", p->folder.path);
	argv[2] = config;
	argv[4] = error;
	start(p, nginx_config, gateway, argv, REVERSE_PROXY_NGINX_OLD);
	return true;
}

bool reverse_proxy_start_haproxy(struct reverse_proxy *p, const char *gateway)
{
	const char *argv[] = {find_program("haproxy"), "-db", "-f", NULL, NULL};
	char config[64];

	if (argv[0] == NULL)
		return false;
	p->name = "haproxy";
	assert_int_equal(temp_folder_make(&p->folder), 0);
	snprintf(config, sizeof(config), "%s/config", p->folder.path);
	argv[3] = config;
	start(p, haproxy_config, gateway, argv, REVERSE_PROXY_HAPROXY);
	return true;
}

/* ---- examples ------------------------------------------------------------ */

/* Where @ stands for the folder, 1 and 2 alone for the gateways. */
struct change {
	const char *from;
	const char *to;
};

/* In the arguments @/ stands for the folder as well. */
static const struct example {
	const char *name;
	const char *file;
	const char *argv[6];
	struct change changes[7];
} examples[] = {
	{"nginx",
	 "nginx.conf",
	 {"-c", "@/config", "-e", "@/error"},
	 {{"\nevents {", "\ndaemon off;\n"
			 "master_process off;\n"
			 "pid @/pid;\n"
			 "error_log @/error info;\n"
			 "events {"},
	  {"http {", "http {\n"
		     "	access_log @/log;\n"
		     "	client_body_temp_path @/body;\n"
		     "	proxy_temp_path @/proxy;\n"
		     "	fastcgi_temp_path @/fastcgi;\n"
		     "	scgi_temp_path @/scgi;\n"
		     "	uwsgi_temp_path @/uwsgi;"},
	  {"listen 80;", "listen unix:@/web;"},
	  {"/etc/nginx/sluice-users", "@/users"},
	  {"127.0.0.1:8080", "1"},
	  {"127.0.0.1:8090", "2"}}},
	{"haproxy",
	 "haproxy.cfg",
	 {"-db", "-f", "@/config"},
	 {{"bind :80", "bind unix@@/web"},
	  {"\"${ALICE_PASSWORD}\"", "secret"},
	  {"127.0.0.1:8080", "1"},
	  {"127.0.0.1:8090", "2"}}},
	{"caddy",
	 "Caddyfile",
	 {"run", "--adapter", "caddyfile", "--config", "@/config"},
	 {{"\n:80 {", "\n{\n	admin off\n}\n:80 {\n	bind unix/@/web"},
	  /* Of little work, so that it is soon done. */
	  {"{$ALICE_PASSWORD_HASH}",
	   "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"},
	  {"127.0.0.1:8080", "1"},
	  {"127.0.0.1:8090", "2"}}},
};

static void put_in_place(struct bytes *out, const char *to, const char *folder,
			 const char *one, const char *two)
{
	for (const char *at = to; *at != '\0'; at++) {
		if (*at == '@' && at[1] == '/')
			bytes_add(out, folder, strlen(folder));
		else if (strcmp(to, "1") == 0)
			bytes_add(out, one, strlen(one));
		else if (strcmp(to, "2") == 0)
			bytes_add(out, two, strlen(two));
		else
			bytes_add_char(out, *at);
	}
}

/* What a test changes must be there: once or more. */
static void apply(struct bytes *text, const struct change *change,
		  const char *folder, const char *one, const char *two)
{
	const char *at = bytes_text(text), *found;
	struct bytes out = {0};

	if (strstr(at, change->from) == NULL)
		fail_msg("the example has no \"%s\"", change->from);
	while ((found = strstr(at, change->from)) != NULL) {
		bytes_add(&out, at, (size_t)(found - at));
		put_in_place(&out, change->to, folder, one, two);
		at = found + strlen(change->from);
	}
	bytes_add(&out, at, strlen(at));
	bytes_free(text);
	*text = out;
}

static void read_example(struct bytes *out, const char *file)
{
	char path[512], buf[4096];
	const char *root = getenv("SLUICE_TEST_ROOT");
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "%s/examples/proxies/%s",
		 root == NULL ? "." : root, file);
	f = fopen(path, "r");
	if (f == NULL)
		fail_msg("%s: %s", path, strerror(errno));
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		bytes_add(out, buf, n);
	fclose(f);
}

static void start_example(struct reverse_proxy *p, const struct example *e,
			  const char *program, const char *one, const char *two)
{
	static const char users[] = "alice:{PLAIN}secret\n";
	struct bytes text = {0}, words[6] = {{0}};
	const char *argv[8] = {program};

	read_example(&text, e->file);
	for (const struct change *c = e->changes; c->from != NULL; c++)
		apply(&text, c, p->folder.path, one, two);
	for (size_t i = 0; e->argv[i] != NULL; i++) {
		put_in_place(&words[i], e->argv[i], p->folder.path, one, two);
		argv[i + 1] = bytes_text(&words[i]);
	}
	temp_folder_write(&p->folder, "users", users, strlen(users));
	start_with(p, &text, argv, REVERSE_PROXY_EXAMPLE);
	bytes_free(&text);
	for (size_t i = 0; i < 6; i++)
		bytes_free(&words[i]);
}

bool reverse_proxy_start_example(struct reverse_proxy *p, const char *name,
				 const char *one, const char *two)
{
	const char *program = find_program(name);

	if (program == NULL)
		return false;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		if (strcmp(examples[i].name, name) != 0)
			continue;
		p->name = examples[i].name;
		assert_int_equal(temp_folder_make(&p->folder), 0);
		start_example(p, &examples[i], program, one, two);
		return true;
	}
	fail_msg("no example for %s", name);
	return false;
}

void reverse_proxy_stop(struct reverse_proxy *p)
{
	if (p->pid > 0) {
		kill(p->pid, SIGKILL);
		waitpid(p->pid, NULL, 0);
	}
	if (p->folder.path[0] != '\0')
		temp_folder_remove(&p->folder);
	*p = (struct reverse_proxy){0};
}

const char *reverse_proxy_address(struct reverse_proxy *p, const char *site)
{
	static char address[80];

	snprintf(address, sizeof(address), "unix:%s/%s", p->folder.path, site);
	return address;
}

/* "to=-" and "to=<NOSRV>": answered by itself. */
size_t reverse_proxy_count(struct reverse_proxy *p, const char *part)
{
	char *log = read_file(p, p->name[0] == 'n' ? "log" : "out");
	char *save = NULL;
	size_t n = 0;

	for (char *line = strtok_r(log, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		const char *uri = strstr(line, " uri=");

		n += strncmp(line, "to=", 3) == 0 && line[3] != '-' &&
		     line[3] != '<' && uri != NULL && strstr(uri, part) != NULL;
	}
	free(log);
	return n;
}
