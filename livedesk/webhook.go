package livedesk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
)

// Webhooks returns the handler that carriers call. Mount it wherever Config.PublicURL says, with or without
// http.StripPrefix; it finds the connection's key in the path by its shape. It takes POST only, refuses what the headers
// tell (an encoding, another content type, no proof of origin) before it reads the body, bounds that, verifies before it
// parses, and answers 204 once everything that the request reported is committed:
//
//	204  taken in, or of no interest to us          413  body or batch too large
//	401  wrong webhook credentials                  415  not the carrier's content type, or a content encoding
//	403  proof of origin missing or wrong           503  not read or not committed in time: the carrier tries again
//	400  can't be read   404  unknown address   405  not POST
//
// It works whether or not Run is going, and goes on while Run drains. An answer has no body that a carrier could take
// for a reply.
//
// A body that doesn't arrive within Config.WebhookTimeout ends the request, with 503, where the ResponseWriter knows read
// deadlines. Headers arrive before a handler is called, so what bounds them is the host's: [http.Server] has no limit for
// them by itself, and a caller who writes one byte at a time holds a connection as long as he likes. Set its
// ReadHeaderTimeout (5 s) and IdleTimeout.
func (e *Engine) Webhooks() http.Handler { return http.HandlerFunc(e.serveWebhook) }

func (e *Engine) serveWebhook(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), e.cfg.WebhookTimeout)
	defer cancel()
	if until, ok := ctx.Deadline(); ok { // also of what is refused at once: the server reads on to keep the connection
		_ = http.NewResponseController(w).SetReadDeadline(until) // where that can't be, the host's own limits are all there is
	}
	status, err := e.webhook(ctx, w, r)
	if err != nil {
		level := slog.LevelWarn
		if status >= 500 {
			level = slog.LevelError
		}
		e.log.LogAttrs(ctx, level, "webhook refused", slog.Int("status", status), slog.Any("error", err))
	}
	switch status {
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", http.MethodPost)
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Basic realm="webhooks"`)
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "2")
	}
	w.WriteHeader(status)
}

// webhook takes one request in and returns the status to answer with.
func (e *Engine) webhook(ctx context.Context, w http.ResponseWriter, r *http.Request) (int, error) {
	key, rest, ok := splitWebhookPath(r.URL.EscapedPath())
	switch {
	case !ok:
		return http.StatusNotFound, nil
	case r.Method != http.MethodPost:
		return http.StatusMethodNotAllowed, nil
	case r.Header.Get("Content-Encoding") != "" && !strings.EqualFold(r.Header.Get("Content-Encoding"), "identity"):
		return http.StatusUnsupportedMediaType, errors.New("webhook has a content encoding")
	}
	conn, err := e.snap.webhook(ctx, key)
	switch {
	case errors.Is(err, ErrNotFound):
		return http.StatusNotFound, nil
	case err != nil:
		return http.StatusServiceUnavailable, err
	case conn.account == nil:
		return http.StatusServiceUnavailable, fmt.Errorf("connection %s: %w", conn.id, conn.err)
	}
	called, err := e.asCalled(r, key, rest)
	if err != nil {
		return http.StatusBadRequest, err
	}
	conn, err = e.proven(ctx, key, conn, func(a sms.Account) error { return checkHeader(a, called) })
	if err != nil {
		return parseStatus(err), fmt.Errorf("connection %s: %w", conn.id, err)
	}
	body, status, err := readBody(w, r, e.cfg.MaxWebhookBytes)
	if err != nil {
		return status, err
	}
	var events []channel.Event
	conn, err = e.proven(ctx, key, conn, func(a sms.Account) (err error) {
		events, err = a.Parse(called, body)
		return err
	})
	if err != nil {
		return parseStatus(err), fmt.Errorf("connection %s: %w", conn.id, err)
	}
	if err := e.takeEvents(ctx, conn, events); err != nil {
		return http.StatusServiceUnavailable, fmt.Errorf("connection %s: %w", conn.id, err)
	}
	return http.StatusNoContent, nil
}

// asCalled is the request as the carrier made it: under the public URL, whatever proxies made of it. It has no body.
func (e *Engine) asCalled(r *http.Request, key, rest string) (*http.Request, error) {
	public, err := url.Parse(e.webhookURL(key) + rest)
	if err != nil {
		return nil, errors.New("webhook path can't be read")
	}
	public.RawQuery = r.URL.RawQuery
	called := *r
	called.URL, called.Host, called.Body = public, public.Host, http.NoBody
	return &called, nil
}

// proven runs a check that may want for proof of origin, once more where another process has stored new credentials within
// the last second. It returns the connection that was checked last.
func (e *Engine) proven(ctx context.Context, key string, conn *connectionInfo, check func(sms.Account) error) (*connectionInfo, error) {
	err := check(conn.account)
	if errors.Is(err, channel.ErrForged) || errors.Is(err, channel.ErrUnauthenticated) {
		if fresh := e.snap.newer(ctx, key, conn); fresh != nil {
			return fresh, check(fresh.account)
		}
	}
	return conn, err
}

// checkHeader refuses what needs no body to be refused.
func checkHeader(a sms.Account, r *http.Request) error {
	if c, ok := a.(sms.HeaderChecker); ok {
		return c.CheckHeader(r)
	}
	return nil
}

// splitWebhookPath finds the connection's key in a path, and what follows it.
func splitWebhookPath(path string) (key, rest string, ok bool) {
	for i := 0; i < len(path); {
		seg, tail, _ := strings.Cut(path[i:], "/")
		if isWebhookKey(seg) {
			return seg, path[i+len(seg):], true
		}
		if tail == "" {
			return "", "", false
		}
		i = len(path) - len(tail)
	}
	return "", "", false
}

func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, int, error) {
	if r.ContentLength > limit {
		return nil, http.StatusRequestEntityTooLarge, fmt.Errorf("webhook body is over %d bytes", limit)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, http.StatusRequestEntityTooLarge, fmt.Errorf("webhook body is over %d bytes", limit)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, http.StatusServiceUnavailable, errors.New("webhook body took too long")
	}
	if err != nil {
		return nil, http.StatusBadRequest, errors.New("webhook body broke off")
	}
	return body, 0, nil
}

func parseStatus(err error) int {
	for _, c := range []struct {
		is     error
		status int
	}{
		{channel.ErrForged, http.StatusForbidden},
		{channel.ErrUnauthenticated, http.StatusUnauthorized},
		{channel.ErrMediaType, http.StatusUnsupportedMediaType},
		{channel.ErrTooLarge, http.StatusRequestEntityTooLarge},
		{channel.ErrMalformed, http.StatusBadRequest},
	} {
		if errors.Is(err, c.is) {
			return c.status
		}
	}
	return http.StatusInternalServerError
}

// takeEvents commits everything that a webhook reported. What is of no interest to us is counted.
func (e *Engine) takeEvents(ctx context.Context, conn *connectionInfo, events []channel.Event) error {
	var in []arrival
	var rc []receipt
	for _, ev := range events {
		switch ev := ev.(type) {
		case channel.Inbound:
			ch, err := e.snap.channelOf(ctx, conn, ev)
			switch {
			case err != nil:
				return err
			case ch == nil:
				e.ignore(ctx, conn, "text for a number that no channel has")
			default:
				in = append(in, arrival{channel: ch, in: ev})
			}
		case channel.Receipt:
			rc = append(rc, receipt{conn: conn, r: ev})
		case channel.Unread:
			e.ignore(ctx, conn, "event that can't be read", slog.String("type", truncate(ev.Type, 64)))
		}
	}
	err := e.intake.joinAll(ctx, in)
	return errors.Join(err, e.receipts.joinAll(ctx, rc))
}

// ignore counts an event that is acknowledged without effect.
func (e *Engine) ignore(ctx context.Context, conn *connectionInfo, why string, attrs ...slog.Attr) {
	e.ignored.Add(1)
	attrs = append(attrs, slog.String("connection", conn.id))
	e.log.LogAttrs(ctx, slog.LevelInfo, "webhook event ignored: "+why, attrs...)
}
