/* The same over TLS, where a cut or a pause is in the middle of a record. */
#include "gateway_farm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of the certificate. */
static char dir[64], cert[96];

static void make_certificate(void)
{
	char command[512];

	snprintf(dir, sizeof(dir), "/tmp/sluice-cert-XXXXXX");
	if (mkdtemp(dir) == NULL)
		fail_msg("mkdtemp: %s", strerror(errno));
	snprintf(cert, sizeof(cert), "%s/cert.pem", dir);
	snprintf(command, sizeof(command),
		 "cd %s && exec openssl req -x509 -nodes -newkey ec "
		 "-pkeyopt ec_paramgen_curve:P-256 -keyout key.pem "
		 "-out cert.pem -days 2 -subj /CN=localhost -addext "
		 "subjectAltName=DNS:localhost,IP:127.0.0.1 2>openssl.log",
		 dir);
	assert_int_equal(system(command), 0);
}

static void remove_certificate(void)
{
	static const char *const names[] = {"cert.pem", "key.pem",
					    "openssl.log"};
	char path[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}

static int group_setup(void **state)
{
	static struct gateway_farm ls;
	char config[512];

	ls = (struct gateway_farm){.ca = cert};
	*state = &ls;
	make_certificate();
	snprintf(config, sizeof(config),
		 "tls { cert_file: \"%s\", key_file: \"%s/key.pem\" }", cert,
		 dir);
	nats_server_start(&ls.e2e.nats, config);
	/* For this process; the program has an option. */
	setenv("SSL_CERT_FILE", cert, 1);
	ls.e2e.admin = nats_admin_open(ls.e2e.nats.url);
	return 0;
}

static int group_teardown(void **state)
{
	remove_certificate();
	return e2e_group_teardown(state);
}

static void cut_in_records(void **state)
{
	gateway_farm_start(*state, GATEWAY_FARM_MAX);
	gateway_farm_cut_everywhere(*state, 3);
}

static void paused_in_a_record(void **state)
{
	gateway_farm_start(*state, 1);
	gateway_farm_pause_at_some(*state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		GATEWAY_FARM_TEST(cut_in_records),
		GATEWAY_FARM_TEST(paused_in_a_record),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
