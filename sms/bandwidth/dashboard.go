package bandwidth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
)

// What we know of the Dashboard API (also called Account or Numbers API), and from where:
//
//   - Applications, their callbacks and their locations: dev.bandwidth.com/docs/account/applications, and for what the
//     fields mean github.com/Bandwidth/api-docs, site/docs/numbers/applications.mdx.
//   - Numbers (/tns/{tn}/tndetails), application and SMS of a location (/sites/{site}/sippeers/{peer}/products/…): the
//     Numbers API pages of github.com/Bandwidth/bandwidth.github.io, and site/docs/account/programmatic-setup.mdx.
//   - That all of it answers to bearer tokens below https://api.bandwidth.com/api/v2: github.com/Bandwidth/cli of 2026
//     (internal/cmdutil, cmd/app, cmd/message/preflight.go, cmd/number/details.go). Older pages name
//     https://dashboard.bandwidth.com/api, the present one https://api.bandwidth.com/api.
//
// It speaks XML. None of it was tried on a live account from here, so what isn't in one of these is never a failure.

// ask makes one request with the account's credentials, and a second one only after a 401 with a bearer token. It
// returns the body of a 2xx of at most [maxXML] bytes. The error is always a [*sms.SendError], whose Reason is about
// the request: to repeat it can't do harm, since what we ask for is the same each time.
func (a *account) ask(ctx context.Context, method, target, accept string, body []byte) ([]byte, error) {
	if a.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, a.timeout)
		defer cancel()
	}
	return authorized(a, func(get credentials) ([]byte, error) {
		authorization, err := get(ctx)
		if err != nil {
			return nil, err
		}
		req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
		if err != nil {
			return nil, notSent(cause(err))
		}
		req.Header.Set("Authorization", authorization)
		req.Header.Set("Accept", accept)
		req.Header.Set("User-Agent", userAgent)
		if body != nil {
			req.Header.Set("Content-Type", accept+"; charset=utf-8")
		}
		res, err := a.client.Do(req)
		if err != nil {
			return nil, notSent(cause(err))
		}
		raw, err := readBounded(res.Body)
		switch {
		case res.StatusCode/100 != 2:
			return nil, askError(res.StatusCode, res.Header, raw)
		case err != nil:
			return nil, unreadable(res.StatusCode, err)
		}
		return raw, nil
	})
}

// dashboard asks for the document at a path below the Dashboard's address.
func (a *account) dashboard(ctx context.Context, path string) (element, error) {
	raw, err := a.ask(ctx, http.MethodGet, a.dashboardURL+path, "application/xml", nil)
	if err != nil {
		return element{}, err
	}
	doc, err := parseXML(raw)
	if err != nil {
		return element{}, unreadable(http.StatusOK, err)
	}
	return doc, nil
}

func readBounded(body io.ReadCloser) ([]byte, error) {
	defer body.Close()
	raw, err := io.ReadAll(io.LimitReader(body, maxXML+1))
	if err != nil {
		return nil, cause(err)
	}
	if len(raw) > maxXML {
		return nil, errors.New("answer is too long")
	}
	return raw, nil
}

func unreadable(status int, err error) *sms.SendError {
	return &sms.SendError{Provider: Name, Status: status, Reason: channel.ReasonRetry, Err: err}
}

// askError is what an answer other than 2xx means for a question: 401 and 403 are the credentials', other 4xx are a
// wrong account, application or document, and the rest is to be asked again later.
func askError(status int, h http.Header, raw []byte) *sms.SendError {
	e := &sms.SendError{Provider: Name, Status: status, Reason: channel.ReasonRetry, Code: askCode(raw)}
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		e.Reason = channel.ReasonCredentials
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests, status/100 != 4:
		e.After, _ = retryAfter(h)
	default:
		e.Reason = channel.ReasonConfig
	}
	return e
}

// askCode finds the carrier's code in either API's answer: ResponseStatus/ErrorCode in XML, type in JSON.
func askCode(raw []byte) string {
	var body refusal
	if json.Unmarshal(raw, &body) == nil {
		return word(body.Type)
	}
	doc, err := parseXML(raw)
	if err != nil {
		return ""
	}
	code, err := strconv.Atoi(doc.child("ResponseStatus", "ErrorCode").value)
	if err != nil {
		return ""
	}
	return strconv.Itoa(code)
}

// statusOf returns the HTTP status of a refused question; 0 when there was no answer, or no token to ask with.
func statusOf(err error) int {
	if e, ok := errors.AsType[*sms.SendError](err); ok && !errors.Is(err, errNoToken) {
		return e.Status
	}
	return 0
}

// refusesCredentials reports whether err says that the credentials as such aren't accepted.
func refusesCredentials(err error) bool {
	return errors.Is(err, errClientRefused) || statusOf(err) == http.StatusUnauthorized
}

// authenticate sees to it that there is a token. In the legacy Basic mode the first question will tell.
func (a *account) authenticate(ctx context.Context) error {
	if a.tokens == nil {
		return nil
	}
	_, err := a.tokens.get(ctx)
	return err
}

// badCredentials says what to mend about credentials that are not accepted; nobody tells which half is wrong.
func (a *account) badCredentials() sms.FieldErrors {
	if a.tokens == nil {
		return sms.FieldErrors{
			{Field: fieldBasic, Problem: "is for API users, of whom Bandwidth accepts none from 2026-12-02 on: turn it off and enter API credentials"},
			{Field: fieldKey, Problem: "is not accepted as an API user with this password: check both"},
			{Field: fieldSecret, Problem: "is not accepted as the password of this API user"},
		}
	}
	return sms.FieldErrors{
		{Field: fieldKey, Problem: "is not accepted with this API secret: check both against API Credentials in the Bandwidth App; the name of an old API user needs the legacy switch"},
		{Field: fieldSecret, Problem: "is not accepted with this API key: it may be mistyped, revoked or past its expiry date; create a new one there if in doubt"},
	}
}

func (a *account) applicationPath() string {
	return "/accounts/" + url.PathEscape(a.id) + "/applications/" + a.application
}

// peer is a location: a SIP peer of a site.
type peer struct{ site, id string }

// peerOf reads the ids of a location; false when there are none.
func peerOf(site, id string) (peer, bool) {
	return peer{site, id}, isDigits(site) && isDigits(id)
}

func (a *account) peerPath(p peer) string {
	return "/accounts/" + url.PathEscape(a.id) + "/sites/" + p.site + "/sippeers/" + p.id
}

func isDigits(s string) bool {
	return s != "" && len(s) <= 20 && strings.Trim(s, "0123456789") == ""
}

// isNational reports whether number is one of North America, which have ten digits there.
func isNational(number string) bool {
	return strings.HasPrefix(number, "+1") && len(number) == len("+19195550100")
}

// phonePath names a number as the Numbers API documents it, ten digits for one of North America. Others aren't
// documented; Bandwidth's own tool writes them in E.164.
func phonePath(number string) string {
	if isNational(number) {
		number = strings.TrimPrefix(number, "+1")
	}
	return "/tns/" + url.PathEscape(number) + "/tndetails"
}
