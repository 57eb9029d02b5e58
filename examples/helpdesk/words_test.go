package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
)

// A channel's own words for STOP, START and HELP are filled in, stored, shown again, and count.
func TestKeywordsOfAChannel(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	path := "/channels/" + s.channel("Deliveries")
	s.done(path+"/settings", "words_out", "basta, leave off", "words_in", "Again", "words_help", "what?", "words_suspect", "no more parcels")
	page := s.page(path)
	for name, want := range map[string]string{"words_out": "basta, leave off", "words_in": "Again", "words_help": "what?", "words_suspect": "no more parcels"} {
		require.Regexp(t, `name="`+name+`" value="`+strings.ReplaceAll(want, "?", `\?`)+`"`, page.body)
	}
	s.texts("Deliveries", maya, "Hello")
	s.texts("Deliveries", maya, "Basta!")
	require.Contains(t, s.page(s.only()).text(), "They texted BASTA")
	s.texts("Deliveries", maya, "again")
	require.NotContains(t, s.page(s.only()).text(), "This customer has opted out")
	s.texts("Deliveries", maya, "please, no more parcels")
	require.Contains(t, s.page(s.only()).text(), livedesk.LabelPossibleOptOut)
}

// A word that a program stored with a comma in it stays one while nobody touches its line.
func TestUntouchedKeywordsStay(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	desk := s.h.engine.Desk(workspace)
	ch, err := desk.Channel(t.Context(), s.channel("Support"))
	require.NoError(t, err)
	ch.Keywords.OptOut = []string{"enough, thanks", "basta"}
	_, err = desk.PutChannel(t.Context(), ch)
	require.NoError(t, err)
	s.done("/channels/"+ch.ID+"/settings", "words_out", "enough, thanks, basta", "words_in", "again")
	ch, err = desk.Channel(t.Context(), ch.ID)
	require.NoError(t, err)
	require.Equal(t, livedesk.Keywords{OptOut: []string{"enough, thanks", "basta"}, OptIn: []string{"again"}}, ch.Keywords)
	s.done("/channels/"+ch.ID+"/settings", "words_out", "")
	ch, err = desk.Channel(t.Context(), ch.ID)
	require.NoError(t, err)
	require.Empty(t, ch.Keywords)
}

// What is wrong stands at its field, with all else that is wrong, and what was typed stays; nothing is stored.
func TestWrongKeywords(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	path := "/channels/" + s.channel("Support")
	for _, c := range []struct{ field, value, want string }{
		{"words_out", "basta, yes", `Keyword "yes" means both START and STOP.`},
		{"words_in", "Stop", `Keyword "Stop" means both STOP and START.`},
		{"words_in", "ARRET", `Keyword "ARRET" means both STOP and START.`},
		{"words_help", "enough", `Keyword "enough" means both STOP and HELP.`},
		{"words_help", "🙂", `Keyword "🙂" must have letters and no emoji.`},
		{"words_suspect", "!!", `Phrase "!!" has no letter.`},
	} {
		fields := []string{"language", "fr", c.field, c.value}
		if c.field != "words_out" {
			fields = append(fields, "words_out", "enough")
		}
		a := s.post(path+"/settings", fields...)
		require.Equal(t, http.StatusUnprocessableEntity, a.status, c.value)
		require.Regexp(t, `id="h-`+c.field+`"><span class="problem">`, a.body, c.value)
		require.Contains(t, a.text(), c.want)
		require.Equal(t, 1, strings.Count(a.body, `class="problem"`), "and nowhere else")
		require.Contains(t, a.body, `value="`+c.value+`"`, "what was typed stays")
	}
	a := s.post(path+"/settings", "words_in", "stop", "language", "no language", "greeting", "Hi {{who}}")
	require.Equal(t, 3, strings.Count(a.body, `class="problem"`), "all at once: %s", a.text())

	var many []string
	for i := range 101 {
		many = append(many, fmt.Sprintf("word%d", i))
	}
	a = s.post(path+"/settings", "words_out", strings.Join(many, ","))
	require.Contains(t, a.text(), "Has more than 100 words of a kind.")
	ch, err := s.h.engine.Desk(workspace).Channel(t.Context(), s.channel("Support"))
	require.NoError(t, err)
	require.Empty(t, ch.Keywords)
}
