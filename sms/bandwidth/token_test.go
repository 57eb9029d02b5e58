package bandwidth_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/bandwidth"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// bank hands out numbered tokens and counts; texts need the newest one.
type bank struct {
	tokens, posts atomic.Int32
	life          string        // the member expires_in with its comma, or nothing
	delay         time.Duration // of a token
	slow          func(post int32) time.Duration
	deaf          bool        // to cancelled token requests
	reject        atomic.Bool // every token
}

func (b *bank) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.String() == tokenURL {
		n := b.tokens.Add(1)
		select {
		case <-time.After(b.delay):
		case <-b.done(r):
			return nil, r.Context().Err()
		}
		return answer(r, 200, `{"access_token":"canary-token-`+strconv.Itoa(int(n))+`","token_type":"bearer"`+b.life+`}`), nil
	}
	_, _ = io.Copy(io.Discard, r.Body)
	good := fmt.Sprintf("Bearer canary-token-%d", b.tokens.Load())
	if n := b.posts.Add(1); b.slow != nil {
		time.Sleep(b.slow(n))
	}
	if b.reject.Load() || r.Header.Get("Authorization") != good {
		return answer(r, 401, `{"type":"unauthorized","description":"Authentication Failed"}`), nil
	}
	return answer(r, 202, sendOK), nil
}

func (b *bank) done(r *http.Request) <-chan struct{} {
	if b.deaf {
		return nil
	}
	return r.Context().Done()
}

func TestTokenRequest(t *testing.T) {
	t.Parallel()
	var method, auth, kind, body string
	a := open(t, bandwidth.Config{Transport: transport(func(r *http.Request) (*http.Response, error) {
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		if r.URL.String() == tokenURL {
			method, auth, kind, body = r.Method, r.Header.Get("Authorization"), r.Header.Get("Content-Type"), string(raw)
			return answer(r, 200, tokenOK), nil
		}
		return answer(r, 202, sendOK), nil
	})})
	_, err := a.Send(t.Context(), text)
	require.NoError(t, err)
	require.Equal(t, "POST", method)
	require.Equal(t, basic(clientID, clientSecret), auth, "as documented, without the escapes of oauth2")
	require.Equal(t, "application/x-www-form-urlencoded", kind)
	require.Equal(t, "grant_type=client_credentials", body)
}

func TestTokenAnswers(t *testing.T) {
	t.Parallel()
	var data struct {
		Token []struct {
			ID     string
			Status int `json:"http_status"`
			Body   json.RawMessage
		} `json:"token_responses"`
	}
	load(t, "api_responses.json", &data)
	require.NotEmpty(t, data.Token)
	type want struct {
		reason channel.Reason
		posts  int
	}
	wants := map[string]want{
		"token":            {channel.ReasonNone, 1},
		"token-short":      {channel.ReasonNone, 1},
		"token-no-expiry":  {channel.ReasonNone, 1},
		"token-bad-client": {channel.ReasonCredentials, 0},
		"token-empty":      {channel.ReasonRetry, 0},
	}
	check := func(id string, status int, body string, w want, header ...string) {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			posts := 0
			a := open(t, bandwidth.Config{Transport: transport(func(r *http.Request) (*http.Response, error) {
				if r.URL.String() == tokenURL {
					return answer(r, status, body, header...), nil
				}
				posts++
				return answer(r, 202, sendOK), nil
			})})
			_, err := a.Send(t.Context(), text)
			require.Equal(t, w.reason, sms.ReasonOf(err))
			requireNoCanary(t, err)
			require.Equal(t, w.posts, posts)
		})
	}
	for _, c := range data.Token {
		w, ok := wants[c.ID]
		require.True(t, ok, c.ID)
		check(c.ID, c.Status, string(c.Body), w)
	}
	echo := `{"error":"invalid_client","error_description":"canary-client-id ` + clientSecret + `"}`
	check("echo", 401, echo, want{channel.ReasonCredentials, 0})
	check("400", 400, echo, want{channel.ReasonCredentials, 0})
	check("403", 403, `canary-client-id`, want{channel.ReasonCredentials, 0})
	check("error with 200", 200, echo, want{channel.ReasonCredentials, 0})
	check("429", 429, `{}`, want{channel.ReasonRetry, 0}, "Retry-After", "3")
	check("500", 500, echo[:20], want{channel.ReasonRetry, 0})
	check("html", 200, `<html>canary-client-id`, want{channel.ReasonRetry, 0})
	check("header injection", 200, `{"access_token":"a\r\nX-Evil: canary-token"}`, want{channel.ReasonRetry, 0})
	check("number", 200, `{"access_token":7}`, want{channel.ReasonRetry, 0})
}

// TestTokenOnce: fifty callers, one token request.
func TestTokenOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &bank{life: `,"expires_in":3600`, delay: time.Second}
		a := open(t, bandwidth.Config{Transport: b})
		sendMany(t, a, 50)
		require.EqualValues(t, 1, b.tokens.Load())
		require.EqualValues(t, 50, b.posts.Load())
	})
}

// TestTokenRejectedByAll: fifty concurrent 401 for one token make one new token.
func TestTokenRejectedByAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &bank{life: `,"expires_in":3600`, delay: time.Second}
		a := open(t, bandwidth.Config{Transport: b})
		sendMany(t, a, 1)
		b.tokens.Add(1) // the bank takes back what it gave
		b.slow = func(int32) time.Duration { return time.Second }
		sendMany(t, a, 50)
		require.EqualValues(t, 3, b.tokens.Load())
		require.EqualValues(t, 101, b.posts.Load())
	})
}

// TestTokenRejectedLate: a 401 for an old token doesn't cost the new one.
func TestTokenRejectedLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &bank{delay: time.Second}
		a := open(t, bandwidth.Config{Transport: b})
		sendMany(t, a, 1)
		b.tokens.Add(1)
		b.slow = func(post int32) time.Duration {
			return map[int32]time.Duration{2: 2 * time.Second, 3: 3500 * time.Millisecond}[post]
		}
		sendMany(t, a, 2) // both fail, at 2 s and at 3.5 s; the new token is there at 3 s
		require.EqualValues(t, 3, b.tokens.Load())
	})
}

// TestTokenRejectedForGood: 401 with a fresh token ends the try, and the next send asks for a token once more.
func TestTokenRejectedForGood(t *testing.T) {
	t.Parallel()
	b := &bank{life: `,"expires_in":3600`}
	b.reject.Store(true)
	a := open(t, bandwidth.Config{Transport: b})
	_, err := a.Send(t.Context(), text)
	require.Equal(t, channel.ReasonCredentials, asSendError(t, err).Reason)
	require.EqualValues(t, 2, b.tokens.Load())
	require.EqualValues(t, 2, b.posts.Load())
	b.reject.Store(false)
	sendMany(t, a, 1)
	require.EqualValues(t, 3, b.tokens.Load())
}

// TestTokenSecretExpired: a secret may have an expiry date. Texts go on until the last token ends, and then the channel is
// at fault, not the text.
func TestTokenSecretExpired(t *testing.T) {
	t.Parallel()
	fake, a, _ := connect(t, nil)
	m := channel.Outbound{Ref: "m-1", From: smstest.BandwidthNumber, To: smstest.Customer, Text: "hi"}
	_, err := a.Send(t.Context(), m)
	require.NoError(t, err)
	fake.ExpireSecret()
	_, err = a.Send(t.Context(), m)
	require.NoError(t, err)
	fake.RevokeTokens()
	_, err = a.Send(t.Context(), m)
	require.Equal(t, channel.ReasonCredentials, asSendError(t, err).Reason)
	require.Len(t, fake.Sent(), 2)
}

// TestTokenRenewal: a minute early, an hour when nothing is said, and never a loop.
func TestTokenRenewal(t *testing.T) {
	t.Parallel()
	for life, good := range map[string]time.Duration{
		`,"expires_in":3600`:   59 * time.Minute,
		`,"expires_in":"3600"`: 59 * time.Minute,
		``:                     59 * time.Minute,
		`,"expires_in":0`:      59 * time.Minute,
		`,"expires_in":-5`:     59 * time.Minute,
		`,"expires_in":120`:    time.Minute,
		`,"expires_in":60`:     30 * time.Second,
		`,"expires_in":30`:     15 * time.Second,
	} {
		t.Run(life, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := &bank{life: life}
				a := open(t, bandwidth.Config{Transport: b})
				sendMany(t, a, 20)
				time.Sleep(good - time.Nanosecond)
				sendMany(t, a, 20)
				require.EqualValues(t, 1, b.tokens.Load(), "still good")
				time.Sleep(time.Nanosecond)
				sendMany(t, a, 20)
				require.EqualValues(t, 2, b.tokens.Load(), "renewed")
			})
		})
	}
}

// TestTokenCancelledCaller: who gives up takes nothing from those who still wait, and the last to go ends the request.
func TestTokenCancelledCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &bank{delay: 5 * time.Second}
		a := open(t, bandwidth.Config{Transport: b, Timeout: -1})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := a.Send(ctx, text)
			if !errors.Is(err, context.Canceled) || sms.ReasonOf(err) != channel.ReasonRetry {
				t.Errorf("the first caller: %v", err)
			}
		})
		synctest.Wait() // the first has begun the request
		for range 10 {
			wg.Go(func() {
				if _, err := a.Send(t.Context(), text); err != nil {
					t.Errorf("the others: %v", err)
				}
			})
		}
		synctest.Wait()
		time.Sleep(time.Second)
		cancel()
		wg.Wait()
		require.EqualValues(t, 1, b.tokens.Load())

		b = &bank{delay: time.Hour, deaf: true}
		a = open(t, bandwidth.Config{Transport: b, Timeout: -1})
		short, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		start := time.Now()
		_, err := a.Send(short, text)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		synctest.Wait()
		require.Equal(t, time.Second, time.Since(start))
		b.delay = 0
		sendMany(t, a, 1)
		require.Equal(t, time.Second, time.Since(start))
		require.EqualValues(t, 2, b.tokens.Load(), "the abandoned request is not joined")
		time.Sleep(time.Hour) // the bubble waits for nobody
	})
}

// TestTokenAlreadyCancelled: a caller that has given up before begins nothing.
func TestTokenAlreadyCancelled(t *testing.T) {
	t.Parallel()
	b := &bank{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := open(t, bandwidth.Config{Transport: b}).Send(ctx, text)
	require.Equal(t, channel.ReasonRetry, asSendError(t, err).Reason)
	require.Zero(t, b.tokens.Load())
}

func sendMany(t *testing.T, a sms.Account, n int) {
	t.Helper()
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			if _, err := a.Send(t.Context(), text); err != nil {
				t.Errorf("send: %v", err)
			}
		})
	}
	wg.Wait()
}
