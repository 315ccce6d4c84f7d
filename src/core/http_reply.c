/* http_reply */
