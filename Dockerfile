# An image with the program, its libraries and certificate authorities: no shell, no
# package manager, no root.
#
#	docker build -t sluice .
#	docker run -p 8080:8080 -e SLUICE_SERVER=nats://nats.example.com:4222 sluice
#	docker stop -t 35 NAME
#
# Every option is a variable (docs/cli.md). The program needs no disk: use --read-only.

FROM debian:13-slim AS build
COPY tools/packages.sh /src/tools/
RUN /src/tools/packages.sh build && \
    apt-get -qq -y install --no-install-recommends ca-certificates
COPY . /src
RUN meson setup /build /src -Dtests=false && \
    ninja -C /build sluice && \
    /src/tools/image-root.sh /build/sluice /image

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="sluice" \
      org.opencontainers.image.description="NATS JetStream as Server-Sent Events" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.base.name="scratch"
COPY --from=build /image /
# Both listeners are on all addresses of the container; publishing a port is your
# choice. So the admin listener has no list of subscriptions (--admin-subscriptions).
# To reach it by a name, as in http://sluice:8081/metrics, set
# SLUICE_ADMIN_HOST=sluice.
ENV SLUICE_LISTEN=0.0.0.0:8080 \
    SLUICE_ADMIN_LISTEN=0.0.0.0:8081 \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
EXPOSE 8080 8081
USER 65532:65532
STOPSIGNAL SIGTERM
# Swarm and ECS replace unhealthy containers, so this asks for /livez: while NATS is
# away a gateway is not ready, and a restart would end its subscriptions for nothing.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s \
    CMD ["/usr/bin/sluice", "--healthcheck"]
ENTRYPOINT ["/usr/bin/sluice"]
