/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of gRPC over HTTP/2: status names, messages in percent-encoding,
 * timeouts, binary values in base64. Pure functions. */
#ifndef NET_GRPC_TEXT_H
#define NET_GRPC_TEXT_H

#include "core/buffer.h"

/* "Unavailable", as grpc-go spells it; "Code(99)" for others, valid until the
 * next call. */
const char *grpc_code_name(int code);

/* The code for an HTTP status without grpc-status
 * (grpc/doc/http-grpc-status-mapping.md). */
int grpc_code_of_http(int status);

/* The code for RST_STREAM with this error (grpc/doc/PROTOCOL-HTTP2.md). */
int grpc_code_of_reset(uint32_t error);

/* Appends a grpc-message, decoded, bytes that are not UTF-8 as U+FFFD. */
void grpc_decode_message(struct buffer *out, struct dapr_bytes text);

/* Appends what base64 stands for, with padding or without. 0, or -1. */
int grpc_decode_binary(struct buffer *out, struct dapr_bytes text);

/* Writes milliseconds as a grpc-timeout: at most eight digits and the largest
 * unit that is exact; where there is none, rounded up. */
void grpc_write_timeout(char out[static 16], uint64_t milliseconds);

#endif
