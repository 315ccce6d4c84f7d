/* nats_source */
