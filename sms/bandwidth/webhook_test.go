package bandwidth_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/bandwidth"
)

// TestCredentials is F1, F7 and F13.
func TestCredentials(t *testing.T) {
	t.Parallel()
	a := open(t, bandwidth.Config{})
	good := basic(hookUser, hookPassword)
	long := strings.Repeat("a", 64<<10)
	tests := map[string][]string{
		"none":                    nil,
		"empty":                   {""},
		"no scheme":               {good[len("Basic "):]},
		"bearer":                  {"Bearer " + good[len("Basic "):]},
		"wrong user":              {basic("x", hookPassword)},
		"wrong password":          {basic(hookUser, "x")},
		"both wrong":              {basic("x", "y")},
		"swapped":                 {basic(hookPassword, hookUser)},
		"empty halves":            {basic("", "")},
		"empty password":          {basic(hookUser, "")},
		"empty user":              {basic("", hookPassword)},
		"no colon":                {"Basic " + base64.StdEncoding.EncodeToString([]byte(hookUser+hookPassword))},
		"upper case":              {basic(strings.ToUpper(hookUser), hookPassword)},
		"trailing blank":          {basic(hookUser, hookPassword+" ")},
		"trailing NUL":            {basic(hookUser, hookPassword+"\x00")},
		"prefix":                  {basic(hookUser, hookPassword[:len(hookPassword)-1])},
		"64 KiB user":             {basic(long, hookPassword)},
		"64 KiB password":         {basic(hookUser, long)},
		"not ASCII":               {basic("üsér", "pä\xff")},
		"not base64":              {"Basic !!!"},
		"the API's credentials":   {basic(clientID, clientSecret)},
		"right and wrong":         {good, basic("x", "y")},
		"wrong and right":         {basic("x", "y"), good},
		"two in one":              {good + ", " + good},
		"colon moved in the pair": {basic(hookUser+":"+hookPassword[:6], hookPassword[6:])},
	}
	for name, values := range tests {
		r := hook("")
		delete(r.Header, "Authorization")
		if values != nil {
			r.Header["Authorization"] = values
		}
		r.Header.Set("Content-Type", "text/plain") // 401 comes before anything else is looked at
		events, err := a.Parse(r, []byte(`{`))
		require.ErrorIs(t, err, channel.ErrUnauthenticated, name)
		require.Nil(t, events, name)
		requireNoCanary(t, err)
	}
	r := hook("[]")
	r.Header.Set("Authorization", "bAsIc"+good[len("Basic"):])
	_, err := a.Parse(r, []byte("[]"))
	require.NoError(t, err, "the scheme has no case (RFC 9110, 11.1)")
}

// TestCredentialsRotate is F8.
func TestCredentialsRotate(t *testing.T) {
	t.Parallel()
	s := settings(setup())
	s.Previous = []map[string]sms.Secret{
		{"webhook_password": sms.NewSecret("second")},                                              // only the password was replaced
		{"webhook_user": sms.NewSecret("first-user"), "webhook_password": sms.NewSecret("first")},  // both were
		{"api_secret": sms.NewSecret("old")},                                                       // nothing about webhooks
		{"webhook_user": sms.NewSecret(""), "webhook_password": sms.NewSecret("")},                 // nothing at all
		{"webhook_user": sms.NewSecret("oldest-user"), "webhook_password": sms.NewSecret("first")}, // only the user
	}
	p := bandwidth.New(bandwidth.Config{})
	a, err := p.Open(s)
	require.NoError(t, err)
	for _, c := range []struct {
		user, password string
		ok             bool
	}{
		{hookUser, hookPassword, true},
		{hookUser, "second", true},
		{"first-user", "first", true},
		{"oldest-user", "first", true},
		{hookUser, "first", false},
		{"first-user", "second", false},
		{"first-user", hookPassword, false},
		{"", "", false},
		{hookUser, "", false},
		{hookUser, "old", false},
	} {
		r := hook("[]")
		r.Header.Set("Authorization", basic(c.user, c.password))
		_, err := a.Parse(r, []byte("[]"))
		if c.ok {
			require.NoError(t, err, "%v", c)
		} else {
			require.ErrorIs(t, err, channel.ErrUnauthenticated, "%v", c)
		}
	}
	s.Previous = nil
	a, err = p.Open(s)
	require.NoError(t, err)
	r := hook("[]")
	r.Header.Set("Authorization", basic("first-user", "first"))
	_, err = a.Parse(r, []byte("[]"))
	require.ErrorIs(t, err, channel.ErrUnauthenticated)
}

// TestMediaType is F24 and F25.
func TestMediaType(t *testing.T) {
	t.Parallel()
	a := open(t, bandwidth.Config{})
	for _, c := range []struct {
		types, encodings []string
		ok               bool
	}{
		{[]string{"application/json"}, nil, true},
		{[]string{"application/json; charset=utf-8"}, nil, true},
		{[]string{"Application/JSON;charset=UTF-8"}, []string{"identity"}, true},
		{[]string{"application/json; charset=iso-8859-1"}, nil, false},
		{[]string{"application/json"}, []string{"gzip"}, false},
		{[]string{"application/json"}, []string{"identity", "gzip"}, false},
		{[]string{"application/json", "application/json"}, nil, false},
		{[]string{"application/jsonp"}, nil, false},
		{[]string{"application/vnd.api+json"}, nil, false},
		{[]string{"text/plain"}, nil, false},
		{[]string{"multipart/form-data; boundary=x"}, nil, false},
		{[]string{""}, nil, false},
		{nil, nil, false},
	} {
		r := hook("[]")
		r.Header["Content-Type"], r.Header["Content-Encoding"] = c.types, c.encodings
		_, err := a.Parse(r, []byte("[]"))
		if c.ok {
			require.NoError(t, err, "%v", c)
		} else {
			require.ErrorIs(t, err, channel.ErrMediaType, "%v", c)
		}
	}
}

const deep = 10_000

// TestMalformed is F23: no panic and no doubt; how quickly, BenchmarkParse shows.
func TestMalformed(t *testing.T) {
	t.Parallel()
	a := open(t, bandwidth.Config{})
	tests := map[string]struct {
		body string
		want error
	}{
		"nothing":               {"", channel.ErrMalformed},
		"blanks":                {" \n", channel.ErrMalformed},
		"object":                {`{}`, channel.ErrMalformed},
		"null":                  {`null`, channel.ErrMalformed},
		"number":                {`7`, channel.ErrMalformed},
		"string":                {`"[]"`, channel.ErrMalformed},
		"byte order mark":       {"\xef\xbb\xbf[]", channel.ErrMalformed},
		"two documents":         {`[] []`, channel.ErrMalformed},
		"trailing garbage":      {`[]x`, channel.ErrMalformed},
		"trailing NUL":          {"[]\x00", channel.ErrMalformed},
		"trailing comma":        {`[{},]`, channel.ErrMalformed},
		"comment":               {`[/**/]`, channel.ErrMalformed},
		"single quotes":         {`['a']`, channel.ErrMalformed},
		"NaN":                   {`[NaN]`, channel.ErrMalformed},
		"half":                  {`[{"type":"message-rec`, channel.ErrMalformed},
		"UTF-16":                {"\x00[\x00]", channel.ErrMalformed},
		"form":                  {"From=%2B1&Body=x", channel.ErrMalformed},
		"deep arrays":           {strings.Repeat("[", deep) + strings.Repeat("]", deep), channel.ErrMalformed},
		"deep objects":          {"[" + strings.Repeat(`{"a":`, deep) + "0" + strings.Repeat("}", deep) + "]", channel.ErrMalformed},
		"deeper than json's":    {strings.Repeat("[", 2*deep) + strings.Repeat("]", 2*deep), channel.ErrMalformed},
		"25 deep":               {strings.Repeat("[", 25) + strings.Repeat("]", 25), channel.ErrMalformed},
		"24 deep":               {strings.Repeat("[", 24) + strings.Repeat("]", 24), nil},
		"a name in two objects": {`[{"type":"x","a":{"b":1},"c":{"b":1}},{"type":"x","a":0}]`, nil},
		"names by case":         {`[{"type":"x","TYPE":"y"}]`, nil},
		"blanks around":         {" \t\r\n[ ] \n", nil},
		"1,000 events":          {"[" + strings.Repeat("0,", 999) + "0]", nil},
		"1,001 events":          {"[" + strings.Repeat("0,", 1000) + "0]", channel.ErrTooLarge},
		"10,000 events":         {"[" + strings.Repeat("{},", 9999) + "{}]", channel.ErrTooLarge},
		"a body over 1 MiB":     {"[" + strings.Repeat(" ", 1<<20) + "]", channel.ErrTooLarge},
		"a number of 1 MiB":     {"[" + strings.Repeat("1", 1<<20-2) + "]", nil},
		"a string of 1 MiB":     {`["` + strings.Repeat("a", 1<<20-4) + `"]`, nil},
	}
	for name, c := range tests {
		events, err := a.Parse(hook(c.body), []byte(c.body))
		if c.want == nil {
			require.NoError(t, err, name)
		} else {
			require.ErrorIs(t, err, c.want, name)
			require.Nil(t, events, name)
		}
	}
}

// TestNameTwice is F16 and F23: two readers may see two different events in one, so nobody reads it; the others count.
func TestNameTwice(t *testing.T) {
	t.Parallel()
	a := open(t, bandwidth.Config{})
	many := strings.Builder{}
	for i := range 20_000 {
		many.WriteString(`"k` + strings.Repeat("x", i%7) + `":0,`)
	}
	good := event(nil, nil)
	for name, bad := range map[string]string{
		"type":           strings.Replace(good, `"type":`, `"type":"message-failed","type":`, 1),
		"by escape":      `{"type":"x","\u0074ype":"y"}`,
		"deeper":         strings.Replace(good, `"owner":`, `"from":"+14155550199","owner":`, 1),
		"in a stranger":  `{"type":"x","y":[{"z":{"a":1,"a":1}}]}`,
		"in no object":   `[{"a":1,"b":2,"a":1}]`,
		"among many":     `{"a":1,` + many.String() + `"a":2}`,
		"the same twice": strings.Replace(good, `"id":"id-1"`, `"id":"id-1","id":"id-1"`, 1),
	} {
		events := parse(t, a, "["+good+","+bad+","+good+"]")
		require.Len(t, events, 3, name)
		require.IsType(t, channel.Inbound{}, events[0], name)
		require.IsType(t, channel.Inbound{}, events[2], name)
		unread, ok := events[1].(channel.Unread)
		require.True(t, ok, name)
		require.ErrorContains(t, unread.Err, "twice", name)
		requireNoCanary(t, unread.Err)
	}
}

// TestManyNames: how long it takes, BenchmarkParse shows.
func TestManyNames(t *testing.T) {
	t.Parallel()
	require.Len(t, parse(t, open(t, bandwidth.Config{}), manyNames(60_000)), 1)
}

// manyNames is an event of n names, all different.
func manyNames(n int) string {
	var b strings.Builder
	b.WriteString(`[{"type":"x"`)
	for i := range n {
		b.WriteString(`,"` + base64.RawURLEncoding.EncodeToString([]byte{byte(i >> 8), byte(i), 1}) + `":0`)
	}
	return b.String() + "}]"
}

// TestEvents is F16 and F17: what is wrong with one event stays with it.
func TestEvents(t *testing.T) {
	t.Parallel()
	a := open(t, bandwidth.Config{})
	require.Empty(t, parse(t, a, "[]"))
	good := event(nil, nil)
	bad := event(map[string]any{"message": map[string]any{"id": 7}}, nil)
	alien := event(map[string]any{"type": "message-teleported"}, nil)
	events := parse(t, a, "["+bad+","+good+",42,"+alien+",null,"+good+"]")
	require.Len(t, events, 6)
	for i, kind := range []string{"message-received", "", "", "message-teleported", "", ""} {
		switch e := events[i].(type) {
		case channel.Inbound:
			require.Contains(t, []int{1, 5}, i)
			require.Equal(t, "id-1", e.ID)
		case channel.Unread:
			require.Equal(t, kind, e.Type)
			require.Equal(t, i == 3, e.Err == nil, "an unknown type is no fault, anything else is")
		default:
			t.Fatalf("%T", e)
		}
	}
}

func TestUnread(t *testing.T) {
	t.Parallel()
	a := open(t, bandwidth.Config{})
	type m = map[string]any
	long := strings.Repeat("1", 65)
	for name, body := range map[string]string{
		"no type":             event(m{"type": nil}, nil),
		"type is a number":    event(m{"type": 7}, nil),
		"type in other case":  `{"Type":"message-received"}`,
		"no message":          event(m{"message": nil}, nil),
		"message is a string": event(m{"message": "x"}, nil),
		"no application":      event(nil, m{"applicationId": nil}),
		"other application":   event(nil, m{"applicationId": "93de2206-9669-4e07-948d-329f4b722ee3"}),
		"application typed":   event(nil, m{"applicationId": 93}),
		"direction out":       event(nil, m{"direction": "out"}),
		"receipt coming in":   event(m{"type": "message-delivered"}, nil),
		"no id":               event(nil, m{"id": nil}),
		"empty id":            event(nil, m{"id": ""}),
		"id with a blank":     event(nil, m{"id": "a b"}),
		"id with a line":      event(nil, m{"id": "a\nb"}),
		"long id":             event(nil, m{"id": strings.Repeat("a", 129)}),
		"no from":             event(nil, m{"from": nil}),
		"from is a list":      event(nil, m{"from": []string{"+14155550123"}}),
		"from with a line":    event(nil, m{"from": "+1415555\r\n0123"}),
		"long from":           event(nil, m{"from": long}),
		"no owner, no to":     event(m{"to": nil}, m{"owner": nil}),
		"owner is a number":   event(nil, m{"owner": 19195550100}),
		"to is a string":      event(nil, m{"to": "+19195550100"}),
		"to holds a number":   event(nil, m{"to": []any{19195550100}}),
		"long to":             event(nil, m{"to": []any{long}}),
		"text is an object":   event(nil, m{"text": m{}}),
		"media is a string":   event(nil, m{"media": "https://x/y.jpg"}),
		"media holds null":    event(nil, m{"media": []any{nil}}),
	} {
		events := parse(t, a, "["+body+"]")
		require.Len(t, events, 1, name)
		e, ok := events[0].(channel.Unread)
		require.True(t, ok, "%s: %T", name, events[0])
		require.Error(t, e.Err, name)
		requireNoCanary(t, e.Err)
		require.LessOrEqual(t, len(e.Type), 64)
	}
}

func TestUnreadTypes(t *testing.T) {
	t.Parallel()
	a := open(t, bandwidth.Config{})
	long := strings.Repeat("a", 63) + "é"
	for _, kind := range []string{"suggestion-response", "requested-location-response", long} {
		events := parse(t, a, "["+event(map[string]any{"type": kind}, nil)+"]")
		want := kind
		if kind == long {
			want = long[:63]
		}
		require.Equal(t, []channel.Event{channel.Unread{Type: want}}, events)
	}
}

// TestParseIgnoresTheRequestLine is F6: only header and body count.
func TestParseIgnoresTheRequestLine(t *testing.T) {
	t.Parallel()
	a := open(t, bandwidth.Config{})
	r, err := http.NewRequest(http.MethodPost, "http://other.example:8443/%73ms?x=1", http.NoBody)
	require.NoError(t, err)
	r.Header = hook("").Header
	r.Header.Set("X-Forwarded-Host", "evil.example")
	events, err := a.Parse(r, []byte("["+event(nil, nil)+"]"))
	require.NoError(t, err)
	require.Len(t, events, 1)
}
