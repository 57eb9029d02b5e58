package csat_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/csat"
)

func TestSurveyZeroValue(t *testing.T) {
	t.Parallel()
	require.NoError(t, csat.Survey{}.Validate())
	require.NoError(t, csat.Survey{Enabled: true, Mode: csat.ModeLink}.Validate())
	require.Contains(t, csat.Survey{}.Asks(), "from 1")
	require.Contains(t, csat.Survey{Language: "xx"}.Asks(), "from 1", "English where there are no texts")
	require.Equal(t, "A?", csat.Survey{Question: "A?"}.Asks())
	require.Equal(t, "B?", csat.Survey{CommentQuestion: "B?"}.AsksComment())
}

// gsm7 is the default alphabet without the extension table (3GPP TS 23.038, 6.2.1).
const gsm7 = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§" +
	"¿abcdefghijklmnopqrstuvwxyzäöñüà"

// Each default text is one segment with room for a link of 60 characters.
func TestDefaultTexts(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"de", "en", "es", "fr", "it", "nl", "pt"}, csat.Languages())
	for _, l := range csat.Languages() {
		link := csat.Survey{Language: l, Mode: csat.ModeLink}.Asks()
		require.Equal(t, 1, strings.Count(link, csat.LinkName), l)
		texts := []string{csat.Survey{Language: l}.Asks(), csat.Survey{Language: l}.AsksComment(),
			strings.Replace(link, csat.LinkName, strings.Repeat("x", 60), 1)}
		for _, text := range texts {
			require.LessOrEqual(t, len([]rune(text)), 160, "%s %s", l, text)
			require.Empty(t, strings.Trim(text, gsm7), "%s %s", l, text)
			for _, r := range text {
				require.True(t, strings.ContainsRune(gsm7, r), "%s %q in %s", l, r, text)
			}
			_, ok := csat.Parse(l, text)
			require.False(t, ok, "our own question, sent back, is no rating: %s", text)
		}
		require.NoError(t, csat.Survey{Question: texts[0], CommentQuestion: texts[1]}.Validate())
		if l != "en" {
			require.NotEqual(t, csat.Survey{}.Asks(), texts[0], l)
		}
	}
}

func TestSurveyValidate(t *testing.T) {
	t.Parallel()
	many := map[string]int{}
	for i := range 101 {
		many[strings.Repeat("a", i+1)] = 1
	}
	for _, c := range []struct {
		field  string
		survey csat.Survey
	}{
		{"mode", csat.Survey{Mode: "page"}},
		{"language", csat.Survey{Language: "e"}},
		{"language", csat.Survey{Language: "en_US"}},
		{"language", csat.Survey{Language: "en-"}},
		{"language", csat.Survey{Language: "12"}},
		{"language", csat.Survey{Language: strings.Repeat("abcd-", 8) + "x"}},
		{"question", csat.Survey{Question: " \n "}},
		{"question", csat.Survey{Question: "a\x00"}},
		{"question", csat.Survey{Question: "a\xff"}},
		{"question", csat.Survey{Question: strings.Repeat("é", 1601)}},
		{"question", csat.Survey{Question: "Rate: {{link}}"}},
		{"question", csat.Survey{Question: "Rate us!", Mode: csat.ModeLink}},
		{"thanks", csat.Survey{Thanks: "\t"}},
		{"comment_question", csat.Survey{CommentQuestion: "\x1b[2J"}},
		{"window_seconds", csat.Survey{Window: -time.Hour}},
		{"window_seconds", csat.Survey{Window: time.Second}},
		{"window_seconds", csat.Survey{Window: 31 * 24 * time.Hour}},
		{"window_seconds", csat.Survey{Window: time.Hour + time.Millisecond}},
		{"words", csat.Survey{Words: many}},
		{"words", csat.Survey{Words: map[string]int{"very good": 5}}},
		{"words", csat.Survey{Words: map[string]int{"": 5}}},
		{"words", csat.Survey{Words: map[string]int{"a1": 5}}},
		{"words", csat.Survey{Words: map[string]int{"top": 6}}},
		{"words", csat.Survey{Words: map[string]int{"Été": 5, "ete": 4}}},
	} {
		err := c.survey.Validate()
		errs, ok := errors.AsType[csat.FieldErrors](err)
		require.True(t, ok, "%+v: %v", c.survey, err)
		require.Len(t, errs, 1, "%+v", c.survey)
		require.Equal(t, c.field, errs[0].Field)
		require.NotEmpty(t, errs[0].Problem)
	}
	require.NoError(t, csat.Survey{Enabled: true, Mode: csat.ModeReply, Language: "zh-Hant-TW", Question: "Note ?\n1 à 5",
		Window: time.Minute, Words: map[string]int{"Été": 5, "ete": 5, "बहुत": 4}}.Validate())
}

func TestSurveyValidateReportsAll(t *testing.T) {
	t.Parallel()
	err := csat.Survey{Mode: "x", Language: "!", Question: "secret\x00", Thanks: " ", Window: -1, Words: map[string]int{"hush hush": 9}}.Validate()
	errs, ok := errors.AsType[csat.FieldErrors](err)
	require.True(t, ok)
	var fields []string
	for _, e := range errs {
		fields = append(fields, e.Field)
	}
	require.Equal(t, []string{"mode", "language", "question", "thanks", "window_seconds", "words", "words"}, fields)
	require.NotContains(t, err.Error(), "secret")
	require.NotContains(t, err.Error(), "hush")
}

func TestSurveyJSON(t *testing.T) {
	t.Parallel()
	s := csat.Survey{Enabled: true, Mode: csat.ModeReply, Language: "fr", Question: "Note ?", Thanks: "Merci", AskComment: true,
		CommentQuestion: "Pourquoi ?", Window: 48 * time.Hour, Words: map[string]int{"super": 5}}
	b, err := json.Marshal(s)
	require.NoError(t, err)
	require.JSONEq(t, `{"enabled":true,"mode":"reply","language":"fr","question":"Note ?","thanks":"Merci","ask_comment":true,
		"comment_question":"Pourquoi ?","window_seconds":172800,"words":{"super":5}}`, string(b))
	var got csat.Survey
	require.NoError(t, json.Unmarshal(b, &got))
	require.Equal(t, s, got)

	b, err = json.Marshal(csat.Survey{})
	require.NoError(t, err)
	require.Equal(t, `{"enabled":false,"ask_comment":false}`, string(b))
	require.Error(t, json.Unmarshal([]byte(`{"window_seconds":9223372036854775807}`), &got))
	require.Error(t, json.Unmarshal([]byte(`{"enabled":"yes"}`), &got))
	require.Equal(t, s, got, "an error changes nothing")
}
