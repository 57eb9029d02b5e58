package twilio_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/smstest"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

const png = "\x89PNG\r\n\x1a\n and the rest of it"

// fetcher opens an account at a fake carrier.
func fetcher(t testing.TB, cfg twilio.Config) sms.MediaFetcher {
	t.Helper()
	return open(t, cfg, settings()).(sms.MediaFetcher)
}

func mediaCarrier(t testing.TB) *smstest.Twilio {
	return smstest.NewTwilio(t, smstest.TwilioConfig{AccountSID: testAccount, AuthToken: testToken, APIKeySID: testKey, APIKeySecret: testSecret})
}

func fetch(ctx context.Context, f sms.MediaFetcher, address string, max int64) (string, *sms.Media, error) {
	m, err := f.FetchMedia(ctx, address, max)
	if err != nil {
		return "", nil, err
	}
	defer m.Close()
	b, err := io.ReadAll(m)
	return string(b), m, err
}

func asMediaError(t *testing.T, err error) *sms.MediaError {
	t.Helper()
	e, ok := errors.AsType[*sms.MediaError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, "twilio", e.Provider)
	for _, verb := range []string{"%v", "%+v", "%#v"} {
		require.NotContains(t, fmt.Sprintf(verb, err), "canary")
		require.NotContains(t, fmt.Sprintf(verb, err), "Signature")
	}
	return e
}

// hops are the hosts that were asked, each with the kind of credentials that it got.
func hops(f *smstest.Twilio) (out []string) {
	for _, r := range f.Requests() {
		host, _, _ := strings.Cut(strings.TrimPrefix(r.URL, "https://"), "/")
		out = append(out, fmt.Sprintf("%s %s", host, r.Header.Get("Authorization")))
	}
	return out
}

func TestFetchMedia(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]sms.Settings{"token": settings(), "key": withKey(settings())} {
		fake := mediaCarrier(t)
		a := open(t, twilio.Config{Transport: fake.Transport()}, s).(sms.MediaFetcher)
		body, m, err := fetch(t.Context(), a, fake.AddMedia(smstest.Media{Body: []byte(png), ContentType: "image/jpeg"}), 0)
		require.NoError(t, err, name)
		require.Equal(t, png, body)
		require.Equal(t, []any{"image/png", "image/jpeg", int64(len(png))}, []any{m.Type, m.Told, m.Size})
		require.Equal(t, []string{"api.twilio.com Basic", "mms.twiliocdn.com "}, hops(fake), "credentials are for the API alone")
		for _, verb := range []string{"%v", "%+v", "%#v"} {
			require.NotContains(t, fmt.Sprintf(verb, m), "canary")
		}
	}
}

// The address that a list gives to a file is as good as the one that the webhook gave.
func TestFetchMediaOfAListedText(t *testing.T) {
	t.Parallel()
	fake := mediaCarrier(t)
	fake.SetWebhooks("https://desk.example.com/", smstest.HandlerTransport(http.NotFoundHandler()))
	brought := fake.AddMedia(smstest.Media{Body: []byte(png), ContentType: "text/x-vcard"})
	_, err := fake.Deliver(t.Context(), smstest.Text{Media: []string{brought}})
	require.NoError(t, err)
	a := open(t, twilio.Config{Transport: fake.Transport()}, settings())
	listed, err := list(t, a, sms.ListQuery{})
	require.NoError(t, err)
	file := listed[0].Inbound.Media[0]
	require.Equal(t, "text/x-vcard", file.ContentType)
	body, m, err := fetch(t.Context(), a.(sms.MediaFetcher), file.URL, 0)
	require.NoError(t, err)
	require.Equal(t, png, body)
	require.Equal(t, file.ContentType, m.Told)
}

// A carrier at an address of the programmer's choice is asked there, also for what names Twilio.
func TestFetchMediaFromBaseURL(t *testing.T) {
	t.Parallel()
	fake := mediaCarrier(t)
	a := fetcher(t, twilio.Config{BaseURL: fake.URL()})
	address := fake.AddMedia(smstest.Media{Body: []byte(png)})
	for _, at := range []string{address, fake.URL() + strings.TrimPrefix(address, "https://api.twilio.com")} {
		body, _, err := fetch(t.Context(), a, at, 0)
		require.NoError(t, err)
		require.Equal(t, png, body)
	}
}

// F148, and the file that comes some seconds after its message.
func TestFetchMediaWaitsForAFile(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		missing int
		limit   time.Duration // of the caller
		took    time.Duration
		asked   int
		want    error
	}{
		{missing: 1, took: time.Second, asked: 2},
		{missing: 2, took: 4 * time.Second, asked: 3},
		{missing: 3, took: 4 * time.Second, asked: 3, want: sms.ErrMediaNotFound},
		{missing: 2, limit: 500 * time.Millisecond, took: 500 * time.Millisecond, asked: 1, want: context.DeadlineExceeded},
		{missing: 2, limit: 2 * time.Second, took: 2 * time.Second, asked: 2, want: context.DeadlineExceeded},
	} {
		synctest.Test(t, func(t *testing.T) {
			fake := mediaCarrier(t)
			ctx, began := t.Context(), time.Now()
			if c.limit > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, c.limit)
				defer cancel()
			}
			address := fake.AddMedia(smstest.Media{Body: []byte(png), Missing: c.missing})
			body, _, err := fetch(ctx, fetcher(t, twilio.Config{Transport: fake.Transport()}), address, 0)
			require.ErrorIs(t, err, c.want)
			require.Equal(t, c.took, time.Since(began))
			if c.want == nil {
				require.Equal(t, png, body)
				return
			}
			require.Equal(t, 404, asMediaError(t, err).Status)
			require.Len(t, fake.Requests(), c.asked)
			if c.want != sms.ErrMediaNotFound {
				require.NotErrorIs(t, err, sms.ErrMediaNotFound, "nobody knows whether it would have come")
			}
		})
	}
}

func TestFetchMediaTriesNothingElseAgain(t *testing.T) {
	t.Parallel()
	for _, f := range []smstest.Fault{
		{Kind: smstest.FaultStatus, Status: 401}, {Kind: smstest.FaultStatus, Status: 403}, {Kind: smstest.FaultStatus, Status: 429, RetryAfter: 3 * time.Second},
		{Kind: smstest.FaultStatus, Status: 500}, {Kind: smstest.FaultHTML}, {Kind: smstest.FaultReset}, {Kind: smstest.FaultStatus, Status: 410}, {Kind: smstest.FaultRedirect},
		{Kind: smstest.FaultHang}, {Kind: smstest.FaultSlow},
	} {
		synctest.Test(t, func(t *testing.T) {
			fake := mediaCarrier(t)
			fake.FailFunc(func(smstest.Request) smstest.Fault { return f })
			began := time.Now()
			_, _, err := fetch(t.Context(), fetcher(t, twilio.Config{Transport: fake.Transport()}), fake.AddMedia(smstest.Media{Body: []byte(png)}), 0)
			require.Error(t, err)
			require.Len(t, fake.Requests(), 1, f.Kind)
			after, _ := sms.RetryAfter(err)
			require.Equal(t, f.RetryAfter, after)
			require.LessOrEqual(t, time.Since(began), time.Minute)
			if f.Kind != smstest.FaultSlow {
				asMediaError(t, err)
			}
		})
	}
}

// F145: what isn't one of the account's own files is asked of nobody.
func TestFetchMediaRefusesForeignAddresses(t *testing.T) {
	t.Parallel()
	fake := mediaCarrier(t)
	a := fetcher(t, twilio.Config{Transport: fake.Transport()})
	good := fake.AddMedia(smstest.Media{})
	foreign := []string{"", "x", "https://attacker.example/x.jpg", "https://mms.twiliocdn.com/x", strings.Replace(good, "https", "http", 1),
		strings.Replace(good, testAccount, "AC00000000000000000000000000000002", 1), strings.Replace(good, "api.", "api.us1.", 1),
		strings.Replace(good, "api.twilio.com", "api.twilio.com.evil.example", 1), strings.Replace(good, "//api", "//u:p@api", 1), strings.Replace(good, ".com/", ".com:444/", 1),
		good + ".json", good + ".xml", good + "/", good + "?x", good + "0", good[:len(good)-1], good[:strings.Index(good, "/Media")],
		strings.Replace(good, "2010-04-01", "2010-04-01/x/..", 1), strings.Replace(good, "/Media/", "/Media/../Media/", 1), strings.Replace(good, "/Media/", "%2fMedia/", 1),
		strings.Replace(good, "/Messages/", "/messages/", 1), "https://api.twilio.com/2010-04-01/Accounts/" + testAccount + "/Messages.json",
		"https://api.twilio.com/2010-04-01/Accounts/" + testAccount + ".json", "https://127.0.0.1/2010-04-01/Accounts/" + testAccount}
	for _, address := range foreign {
		_, err := a.FetchMedia(t.Context(), address, 0)
		require.ErrorIs(t, err, sms.ErrMediaAddress, address)
		require.Zero(t, asMediaError(t, err).Status)
	}
	require.Empty(t, fake.Requests())
	_, _, err := fetch(t.Context(), a, good, 0)
	require.NoError(t, err)
}

// F141, F144: a redirect leads to Twilio's file servers or nowhere.
func TestFetchMediaRedirects(t *testing.T) {
	t.Parallel()
	fake := mediaCarrier(t)
	a := fetcher(t, twilio.Config{Transport: fake.Transport()})
	for _, location := range []string{
		"https://10.0.0.1/x", "https://127.0.0.1/x", "https://[::1]/x", "https://169.254.169.254/latest/meta-data/", "http://mms.twiliocdn.com/x", "https://mms.twiliocdn.com:8443/x",
		"https://u:p@mms.twiliocdn.com/x", "https://evil.example/x", "https://mms.twiliocdn.com.evil.example/x", "https://twiliocdn.com/x", "https://xmms.twiliocdn.com/x",
		"https://api.twilio.com/2010-04-01/Accounts/" + testAccount + ".json", "https://s3-external-1.amazonaws.com/evil/x",
		"https://s3-external-1.amazonaws.com/media.twiliocdn.com/../evil/x", "https://media.twiliocdn.com.s3-external-1.amazonaws.com/x", "file:///etc/passwd",
	} {
		_, err := a.FetchMedia(t.Context(), fake.AddMedia(smstest.Media{Location: location}), 0)
		require.ErrorIs(t, err, sms.ErrMediaAddress, location)
		require.Equal(t, 307, asMediaError(t, err).Status)
	}
	for _, h := range hops(fake) {
		require.Equal(t, "api.twilio.com Basic", h)
	}
	for _, location := range []string{"https://media.twiliocdn.com/" + testAccount + "/4a45?x=y", "https://s3-external-1.amazonaws.com/media.twiliocdn.com/" + testAccount + "/4a45"} {
		var seen []string
		a := fetcher(t, twilio.Config{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			seen = append(seen, r.URL.String()+" "+r.Header.Get("Authorization"))
			if len(seen) == 1 {
				return &http.Response{StatusCode: 307, Header: http.Header{"Location": {location}}}, nil
			}
			return &http.Response{StatusCode: 200, ContentLength: -1, Body: io.NopCloser(strings.NewReader(png))}, nil
		})})
		body, _, err := fetch(t.Context(), a, fake.AddMedia(smstest.Media{}), 0)
		require.NoError(t, err, location)
		require.Equal(t, png, body)
		require.Equal(t, location+" ", seen[1])
	}
}

// F146: what a file may cost, and what it is taken for.
func TestFetchMediaIsBounded(t *testing.T) {
	t.Parallel()
	fake := mediaCarrier(t)
	a := fetcher(t, twilio.Config{Transport: fake.Transport()})
	for name, c := range map[string]struct {
		media smstest.Media
		want  error
		kind  string
	}{
		"whole":             {smstest.Media{Body: []byte(png)}, nil, "image/png"},
		"not announced":     {smstest.Media{Body: []byte(png), Length: -1}, nil, "image/png"},
		"at the limit":      {smstest.Media{Body: make([]byte, 1000)}, nil, "application/octet-stream"},
		"over the limit":    {smstest.Media{Body: make([]byte, 1001)}, sms.ErrMediaTooLarge, ""},
		"announced too big": {smstest.Media{Body: []byte(png), Length: 1 << 40}, sms.ErrMediaTooLarge, ""},
		"endless":           {smstest.Media{Body: []byte(png), Endless: true}, sms.ErrMediaTooLarge, ""},
		"cut off":           {smstest.Media{Body: make([]byte, 600), Length: 800}, sms.ErrMediaBroken, ""},
		"cut off at once":   {smstest.Media{Body: []byte(png), Length: 800}, sms.ErrMediaBroken, ""},
		"html as jpeg":      {smstest.Media{Body: []byte("<html><script>alert(1)</script>"), ContentType: "image/jpeg"}, nil, "application/octet-stream"},
		"svg as jpeg":       {smstest.Media{Body: []byte("<svg onload=alert(1)>"), ContentType: "image/jpeg"}, nil, "application/octet-stream"},
		"zip as jpeg":       {smstest.Media{Body: []byte("PK\x03\x04"), ContentType: "image/jpeg"}, nil, "application/octet-stream"},
		"a vcard":           {smstest.Media{Body: []byte("BEGIN:VCARD\r\n"), ContentType: "text/x-vcard"}, nil, "text/vcard; charset=utf-8"},
	} {
		body, m, err := fetch(t.Context(), a, fake.AddMedia(c.media), 1000)
		require.ErrorIs(t, err, c.want, name)
		if c.want == nil {
			require.Equal(t, string(c.media.Body), body, name)
			require.Equal(t, c.kind, m.Type, name)
		}
	}
	_, _, err := fetch(t.Context(), a, fake.AddMedia(smstest.Media{Body: []byte(png), Encoding: "gzip"}), 1000)
	require.Equal(t, 200, asMediaError(t, err).Status)
	body, _, err := fetch(t.Context(), a, fake.AddMedia(smstest.Media{Body: []byte("x"), Endless: true}), 0)
	require.ErrorIs(t, err, sms.ErrMediaTooLarge)
	require.Len(t, body, sms.DefaultMaxMedia)
}

func TestFetchMediaTimes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cfg  twilio.Config
		kind smstest.FaultKind
		took time.Duration
	}{
		{twilio.Config{}, smstest.FaultHang, 10 * time.Second},
		{twilio.Config{Timeout: 2 * time.Second}, smstest.FaultHang, 2 * time.Second},
		{twilio.Config{}, smstest.FaultSlow, time.Minute},
		{twilio.Config{MediaTimeout: 5 * time.Second}, smstest.FaultSlow, 5 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			fake := mediaCarrier(t)
			fake.FailFunc(func(r smstest.Request) smstest.Fault {
				return smstest.Fault{Kind: c.kind, Accept: true}
			})
			c.cfg.Transport = fake.Transport()
			began := time.Now()
			_, _, err := fetch(t.Context(), fetcher(t, c.cfg), fake.AddMedia(smstest.Media{Body: make([]byte, 4000)}), 0)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, c.took, time.Since(began))
		})
	}
}

// A text with files that Twilio could never fetch makes no request.
func TestSendRefusesMedia(t *testing.T) {
	t.Parallel()
	fake := mediaCarrier(t)
	a := open(t, twilio.Config{Transport: fake.Transport()}, settings())
	for name, c := range map[string]struct{ media, fields []string }{
		"many":    {strings.Split(strings.Repeat("https://a.example/x,", 10)+"https://a.example/x", ","), []string{"media"}},
		"empty":   {[]string{"https://a.example/x", ""}, []string{"media[1]"}},
		"header":  {[]string{"https://a.example/x\r\nX: canary"}, []string{"media[0]"}},
		"user":    {[]string{"https://u:canary@a.example/x"}, []string{"media[0]"}},
		"no host": {[]string{"/canary"}, []string{"media[0]"}},
		"scheme":  {[]string{"ftp://a.example/x", "data:,x", "file:///x"}, []string{"media[0]", "media[1]", "media[2]"}},
	} {
		m := outbound()
		m.Media = c.media
		_, err := a.Send(t.Context(), m)
		require.Equal(t, channel.ReasonContent, sms.ReasonOf(err), name)
		fields, ok := errors.AsType[sms.FieldErrors](err)
		require.True(t, ok, name)
		var names []string
		for _, f := range fields {
			names = append(names, f.Field)
		}
		require.Equal(t, c.fields, names)
		require.NotContains(t, err.Error(), "canary")
	}
	require.Empty(t, fake.Requests())
	m := outbound()
	m.Media = strings.Split(strings.Repeat("http://a.example/x,", 9)+"https://a.example/"+strings.Repeat("a", 5000), ",")
	_, err := a.Send(t.Context(), m)
	require.NoError(t, err)
}

func TestMediaLimits(t *testing.T) {
	t.Parallel()
	limits := open(t, twilio.Config{}, settings()).(sms.Describer).Traits().Media
	require.NoError(t, limits.Check([]channel.Attachment{{ContentType: "image/jpeg", Size: 4 << 20}, {ContentType: "video/mp4", Size: 500 << 10}}))
	for field, file := range map[string]channel.Attachment{
		"media[0].size": {ContentType: "audio/amr", Size: 600 << 10}, "media[0].content_type": {ContentType: "text/html"}, "media[0].url": {URL: "x"},
		"media": {ContentType: "image/png", Size: 5<<20 + 1},
	} {
		require.ErrorContains(t, limits.Check([]channel.Attachment{file}), field+": ")
	}
}
