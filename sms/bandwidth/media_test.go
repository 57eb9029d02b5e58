package bandwidth_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/bandwidth"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

const photo = "\xff\xd8\xff\xe0\x00\x10JFIF and the rest"

// fetcher opens an account at a fake carrier; with change, in another way.
func fetcher(t testing.TB, cfg bandwidth.Config, change func(*bandwidth.Setup)) sms.MediaFetcher {
	t.Helper()
	s := bandwidth.Setup{Name: "Support", PhoneNumber: smstest.BandwidthNumber, AccountID: smstest.BandwidthAccountID, ApplicationID: smstest.BandwidthApplicationID,
		APIKey: sms.NewSecret(smstest.BandwidthClientID), APISecret: sms.NewSecret(smstest.BandwidthClientSecret), WebhookUser: sms.NewSecret(hookUser), WebhookPassword: sms.NewSecret(hookPassword)}
	if change != nil {
		change(&s)
	}
	a, err := bandwidth.New(cfg).Open(settings(s))
	require.NoError(t, err)
	return a.(sms.MediaFetcher)
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
	require.Equal(t, "bandwidth", e.Provider)
	for _, verb := range []string{"%v", "%+v", "%#v"} {
		for _, secret := range []string{smstest.BandwidthClientSecret, "eyJ.fake", "canary"} {
			require.NotContains(t, fmt.Sprintf(verb, err), secret)
		}
	}
	return e
}

// asked counts what reached the carrier.
func asked(f *smstest.Bandwidth) (tokens, files int) {
	for _, r := range f.Requests() {
		switch r.Kind {
		case smstest.KindToken:
			tokens++
		case smstest.KindMedia:
			files++
		}
	}
	return tokens, files
}

func TestFetchMedia(t *testing.T) {
	t.Parallel()
	fake := smstest.NewBandwidth(t, smstest.BandwidthConfig{})
	legacy := func(s *bandwidth.Setup) {
		s.UseBasic, s.APIKey, s.APISecret = true, sms.NewSecret(smstest.BandwidthAPIUser), sms.NewSecret(smstest.BandwidthAPIPassword)
	}
	for name, a := range map[string]sms.MediaFetcher{
		"Bearer": fetcher(t, bandwidth.Config{Transport: fake.Transport()}, nil),
		"Basic":  fetcher(t, bandwidth.Config{Transport: fake.Transport()}, legacy),
		"":       fetcher(t, bandwidth.Config{BaseURL: fake.URL() + "/api/v2", TokenURL: fake.URL() + "/api/v1/oauth2/token"}, nil),
	} {
		for _, file := range []string{"photo.jpg", "été à la mer.jpg", "a+b&c=d;e.jpg", "100%.jpg"} {
			body, m, err := fetch(t.Context(), a, fake.AddMedia(smstest.Media{Body: []byte(photo), ContentType: "application/octet-stream", Name: file}), 0)
			require.NoError(t, err, "%s %s", name, file)
			require.Equal(t, photo, body)
			require.Equal(t, []any{"image/jpeg", "application/octet-stream", int64(len(photo))}, []any{m.Type, m.Told, m.Size})
		}
		requests := fake.Requests()
		if name != "" {
			require.Equal(t, name, requests[len(requests)-1].Header.Get("Authorization"))
		}
	}
	tokens, files := asked(fake)
	require.Equal(t, 2, tokens, "one for each account")
	require.Equal(t, 12, files)
}

func TestFetchMediaRenewsTheTokenOnce(t *testing.T) {
	t.Parallel()
	fake := smstest.NewBandwidth(t, smstest.BandwidthConfig{})
	a := fetcher(t, bandwidth.Config{Transport: fake.Transport()}, nil)
	address := fake.AddMedia(smstest.Media{Body: []byte(photo)})
	_, _, err := fetch(t.Context(), a, address, 0)
	require.NoError(t, err)
	fake.RevokeTokens()
	_, _, err = fetch(t.Context(), a, address, 0)
	require.NoError(t, err)
	tokens, files := asked(fake)
	require.Equal(t, []int{2, 3}, []int{tokens, files})

	fake.FailFunc(func(r smstest.Request) smstest.Fault {
		if r.Kind == smstest.KindMedia {
			return smstest.Fault{Kind: smstest.FaultStatus, Status: 401}
		}
		return smstest.Fault{}
	})
	_, _, err = fetch(t.Context(), a, address, 0)
	require.Equal(t, 401, asMediaError(t, err).Status)
	tokens, files = asked(fake)
	require.Equal(t, []int{3, 5}, []int{tokens, files}, "once, and no more")
	fake.FailFunc(nil)
	_, _, err = fetch(t.Context(), a, address, 0)
	require.NoError(t, err)
	tokens, _ = asked(fake)
	require.Equal(t, 4, tokens, "a token that was refused is not used again")
}

// In the legacy mode there is no token to renew.
func TestFetchMediaWithWrongCredentials(t *testing.T) {
	t.Parallel()
	fake := smstest.NewBandwidth(t, smstest.BandwidthConfig{})
	address := fake.AddMedia(smstest.Media{Body: []byte(photo)})
	a := fetcher(t, bandwidth.Config{Transport: fake.Transport()}, func(s *bandwidth.Setup) { s.UseBasic, s.APISecret = true, sms.NewSecret("canary") })
	_, err := a.FetchMedia(t.Context(), address, 0)
	require.Equal(t, 401, asMediaError(t, err).Status)
	_, files := asked(fake)
	require.Equal(t, 1, files)

	a = fetcher(t, bandwidth.Config{Transport: fake.Transport()}, func(s *bandwidth.Setup) { s.APISecret = sms.NewSecret("canary") })
	_, err = a.FetchMedia(t.Context(), address, 0)
	require.Equal(t, 401, asMediaError(t, err).Status)
	require.EqualError(t, err, "bandwidth: fetch media (HTTP 401): no token: client credentials refused")
	tokens, files := asked(fake)
	require.Equal(t, []int{1, 1}, []int{tokens, files}, "without a token nothing is asked")
}

// F145: what isn't one of the account's own files is asked of nobody, not even with a token request.
func TestFetchMediaRefusesForeignAddresses(t *testing.T) {
	t.Parallel()
	fake := smstest.NewBandwidth(t, smstest.BandwidthConfig{})
	a := fetcher(t, bandwidth.Config{Transport: fake.Transport()}, nil)
	good := fake.AddMedia(smstest.Media{})
	for _, address := range []string{
		"", "x", "https://attacker.example/x.jpg", strings.Replace(good, "https", "http", 1), strings.Replace(good, "9900901", "9900902", 1), strings.Replace(good, "9900901", "9900901x", 1),
		strings.Replace(good, "messaging.", "media.", 1), strings.Replace(good, ".com", ".com.evil.example", 1), strings.Replace(good, "//m", "//u:p@m", 1), strings.Replace(good, ".com/", ".com:8080/", 1),
		strings.Replace(good, "/media/", "/media/../messages/", 1), strings.Replace(good, "/media/", "/media/%2e%2e/messages/", 1), strings.Replace(good, "/media/", "/media%2f", 1),
		strings.Replace(good, "/media/", "/messages/", 1), strings.Replace(good, "/api/v2/", "/api/v1/", 1), "https://messaging.bandwidth.com/api/v2/users/9900901/media/",
		"https://messaging.bandwidth.com/api/v2/users/9900901/media", good + "?x=y", good + "#x", good + "\r\nX: y", good + "/..", good + strings.Repeat("a", 4096), "https://127.0.0.1/api/v2/users/9900901/media/a",
	} {
		_, err := a.FetchMedia(t.Context(), address, 0)
		require.ErrorIs(t, err, sms.ErrMediaAddress, address)
		require.Zero(t, asMediaError(t, err).Status)
	}
	require.Empty(t, fake.Requests())
}

func TestFetchMediaFollowsNoRedirect(t *testing.T) { // F141, F144
	t.Parallel()
	fake := smstest.NewBandwidth(t, smstest.BandwidthConfig{})
	a := fetcher(t, bandwidth.Config{Transport: fake.Transport()}, nil)
	other := fake.AddMedia(smstest.Media{Body: []byte(photo)})
	for i, location := range []string{"https://10.0.0.1/x", "https://169.254.169.254/latest/meta-data/", "https://evil.example/x", other, "http://messaging.bandwidth.com/x", "/x"} {
		_, err := a.FetchMedia(t.Context(), fake.AddMedia(smstest.Media{Location: location}), 0)
		require.ErrorIs(t, err, sms.ErrMediaAddress, location)
		require.Equal(t, 307, asMediaError(t, err).Status)
		_, files := asked(fake)
		require.Equal(t, i+1, files)
	}
}

// F146: what a file may cost, and what it is taken for.
func TestFetchMediaIsBounded(t *testing.T) {
	t.Parallel()
	fake := smstest.NewBandwidth(t, smstest.BandwidthConfig{})
	a := fetcher(t, bandwidth.Config{Transport: fake.Transport()}, nil)
	for name, c := range map[string]struct {
		media smstest.Media
		want  error
		kind  string
	}{
		"whole":             {smstest.Media{Body: []byte(photo)}, nil, "image/jpeg"},
		"over the limit":    {smstest.Media{Body: make([]byte, 1001)}, sms.ErrMediaTooLarge, ""},
		"announced too big": {smstest.Media{Body: []byte(photo), Length: 1 << 40}, sms.ErrMediaTooLarge, ""},
		"endless":           {smstest.Media{Body: []byte(photo), Endless: true}, sms.ErrMediaTooLarge, ""},
		"cut off":           {smstest.Media{Body: make([]byte, 600), Length: 800}, sms.ErrMediaBroken, ""},
		"not there":         {smstest.Media{Missing: 9}, sms.ErrMediaNotFound, ""},
		"svg as jpeg":       {smstest.Media{Body: []byte("<svg onload=alert(1)>"), ContentType: "image/jpeg"}, nil, "application/octet-stream"},
	} {
		_, m, err := fetch(t.Context(), a, fake.AddMedia(c.media), 1000)
		require.ErrorIs(t, err, c.want, name)
		if c.want == nil {
			require.Equal(t, c.kind, m.Type, name)
		}
	}
}

// F148: what hangs, hangs for a known time; and nothing is tried again.
func TestFetchMediaTimes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cfg   bandwidth.Config
		fault smstest.Fault
		took  time.Duration
	}{
		{bandwidth.Config{}, smstest.Fault{Kind: smstest.FaultHang}, 10 * time.Second},
		{bandwidth.Config{Timeout: 2 * time.Second}, smstest.Fault{Kind: smstest.FaultHang}, 2 * time.Second},
		{bandwidth.Config{}, smstest.Fault{Kind: smstest.FaultSlow, Accept: true}, time.Minute},
		{bandwidth.Config{MediaTimeout: 5 * time.Second}, smstest.Fault{Kind: smstest.FaultSlow, Accept: true}, 5 * time.Second},
		{bandwidth.Config{}, smstest.Fault{Kind: smstest.FaultStatus, Status: 404}, 0},
		{bandwidth.Config{}, smstest.Fault{Kind: smstest.FaultStatus, Status: 500}, 0},
		{bandwidth.Config{}, smstest.Fault{Kind: smstest.FaultReset}, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			fake := smstest.NewBandwidth(t, smstest.BandwidthConfig{})
			c.cfg.Transport = fake.Transport()
			a := fetcher(t, c.cfg, nil)
			address := fake.AddMedia(smstest.Media{Body: make([]byte, 4000)})
			fake.FailFunc(func(r smstest.Request) smstest.Fault {
				if r.Kind == smstest.KindMedia {
					return c.fault
				}
				return smstest.Fault{}
			})
			began := time.Now()
			_, _, err := fetch(t.Context(), a, address, 0)
			require.Error(t, err)
			require.Equal(t, c.took, time.Since(began))
			require.Equal(t, c.took > 0, errors.Is(err, context.DeadlineExceeded), "%v", err)
			_, files := asked(fake)
			require.Equal(t, 1, files)
		})
	}
}

// A text with files that Bandwidth could never fetch makes no request.
func TestSendRefusesMedia(t *testing.T) {
	t.Parallel()
	fake := smstest.NewBandwidth(t, smstest.BandwidthConfig{})
	a := open(t, bandwidth.Config{Transport: fake.Transport()})
	for name, c := range map[string]struct{ media, fields []string }{
		"many":    {strings.Split(strings.Repeat("https://a.example/x,", 10)+"https://a.example/x", ","), []string{"media"}},
		"empty":   {[]string{"https://a.example/x", ""}, []string{"media[1]"}},
		"long":    {[]string{"https://a.example/" + strings.Repeat("x", 4079)}, []string{"media[0]"}},
		"header":  {[]string{"https://a.example/x\r\nX: canary"}, []string{"media[0]"}},
		"user":    {[]string{"https://u:canary@a.example/x"}, []string{"media[0]"}},
		"no host": {[]string{"/canary"}, []string{"media[0]"}},
		"scheme":  {[]string{"ftp://a.example/x", "data:,x"}, []string{"media[0]", "media[1]"}},
	} {
		m := text
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
}

func TestMediaLimits(t *testing.T) {
	t.Parallel()
	limits := open(t, bandwidth.Config{}).(sms.Describer).Traits().Media
	require.NoError(t, limits.Check([]channel.Attachment{{ContentType: "image/jpeg", Size: 3_750_000}, {ContentType: "any/thing", Size: 3_750_000}}))
	require.ErrorContains(t, limits.Check([]channel.Attachment{{Size: 3_750_001}}), "media[0].size: ")
	require.ErrorContains(t, limits.Check([]channel.Attachment{{URL: "https://a.example/" + strings.Repeat("x", 4079)}}), "media[0].url: ")
}
