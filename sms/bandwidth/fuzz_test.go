package bandwidth_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms/bandwidth"
)

// FuzzParse: whatever comes, Parse returns one event for each element or one of its errors, the same each time, and
// what it returns has the shape that the engine relies on.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"", "[]", "[null]", "[[],{},\"\",0,true]", "\xef\xbb\xbf[]", "[] []", `[{"type":"x","type":"y"}]`,
		`[{"a":"\ud83d","\u0061":"\"\\"}]`, "[" + event(nil, nil) + "]", "[" + receipt(nil, nil) + "," + event(nil, nil) + "]",
		"[" + receipt(map[string]any{"type": "message-failed", "errorCode": 9902}, nil) + "]",
		"[" + event(nil, map[string]any{"to": []any{"1", "2"}, "media": []any{"https://x/a.png"}}) + "]",
	} {
		f.Add([]byte(s))
	}
	a := open(f, bandwidth.Config{})
	f.Fuzz(func(t *testing.T, body []byte) {
		events, err := a.Parse(hook(""), body)
		again, errAgain := a.Parse(hook(""), body)
		if !reflect.DeepEqual(events, again) || (err == nil) != (errAgain == nil) {
			t.Fatal("two answers for one body")
		}
		if err != nil {
			if !errors.Is(err, channel.ErrMalformed) && !errors.Is(err, channel.ErrTooLarge) || events != nil {
				t.Fatalf("%v, %d events", err, len(events))
			}
			return
		}
		var list []json.RawMessage
		if err := json.Unmarshal(body, &list); err != nil || len(list) != len(events) {
			t.Fatalf("%d events, encoding/json sees %d: %v", len(events), len(list), err)
		}
		for _, e := range events {
			checkEvent(t, e)
		}
	})
}

func checkEvent(t *testing.T, e channel.Event) {
	switch e := e.(type) {
	case channel.Inbound:
		if e.ID == "" || e.To == "" || len(e.From) > 65 || len(e.To) > 65 || e.Segments < 0 {
			t.Fatalf("inbound %+v", e)
		}
	case channel.Receipt:
		failed := e.Word == "message-failed"
		if e.ID == "" || len(e.Ref) > 64 || failed != (e.Reason != channel.ReasonNone) {
			t.Fatalf("receipt %+v", e)
		}
	case channel.Unread:
		if len(e.Type) > 64 {
			t.Fatalf("type of %d bytes", len(e.Type))
		}
	default:
		t.Fatalf("%T", e)
	}
}

// FuzzCredentials: of all headers, those that decode to the user and the password open the door, and no other.
func FuzzCredentials(f *testing.F) {
	good := basic(hookUser, hookPassword)
	for _, s := range []string{"", good, strings.ToLower(good), "basic " + good[len("Basic "):], good + "=", " " + good, good[:len(good)-1], "Basic", "Basic \x00",
		basic(hookUser, ""), basic("", hookPassword), basic(hookUser+":", hookPassword), "Bearer x"} {
		f.Add(s)
	}
	a := open(f, bandwidth.Config{})
	f.Fuzz(func(t *testing.T, authorization string) {
		r := hook("[]")
		r.Header["Authorization"] = []string{authorization}
		events, err := a.Parse(r, []byte("[]"))
		user, password, ok := r.BasicAuth()
		switch genuine := ok && user == hookUser && password == hookPassword; {
		case err == nil && !genuine:
			t.Fatalf("%q was let in", authorization)
		case err != nil && genuine:
			t.Fatalf("%q was refused: %v", authorization, err)
		case err != nil && (!errors.Is(err, channel.ErrUnauthenticated) || events != nil):
			t.Fatalf("%v, %d events", err, len(events))
		}
	})
}
