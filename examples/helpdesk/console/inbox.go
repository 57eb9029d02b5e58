package console

import (
	"net/http"
	"net/url"

	"github.com/livedesk/livedesk-go/livedesk"
)

// inboxPage is a list of conversations with the filters that lead to others.
type inboxPage struct {
	Tabs     []tab
	Channels []tab
	Orders   []tab
	Tab      string
	Items    []inboxItem
	Next     string // address of the next page; empty on the last
}

// tab is a link to the same list under another filter.
type tab struct {
	Label   string
	URL     string
	Current bool
	Count   int
	Badge   bool // Count is known
}

type inboxItem struct {
	livedesk.Conversation
	ChannelName string
	Agent       string
}

const pageSize = 25

// lists are the tabs of the inbox.
var lists = []struct {
	id, label string
	list      func(me string) livedesk.List
	count     func(livedesk.Counts) int // nil: not counted
}{
	{"unassigned", "Unassigned", func(string) livedesk.List {
		return livedesk.List{States: []livedesk.State{livedesk.Open}, Unassigned: true}
	}, func(n livedesk.Counts) int { return n.Unassigned }},
	{"mine", "Mine", func(me string) livedesk.List {
		return livedesk.List{States: []livedesk.State{livedesk.Open}, Assignee: me}
	}, func(n livedesk.Counts) int { return n.Mine }},
	{"open", "All open", func(string) livedesk.List {
		return livedesk.List{States: []livedesk.State{livedesk.Open, livedesk.Pending}}
	}, func(n livedesk.Counts) int { return n.Open + n.Pending }},
	{"snoozed", "Snoozed", func(string) livedesk.List {
		return livedesk.List{States: []livedesk.State{livedesk.Snoozed}}
	}, func(n livedesk.Counts) int { return n.Snoozed }},
	{"resolved", "Resolved", func(string) livedesk.List {
		return livedesk.List{States: []livedesk.State{livedesk.Resolved}}
	}, nil},
}

// filter is which list a request asks for. Anything unknown means the default.
type filter struct{ tab, channel, order string }

func filterOf(q url.Values) filter {
	f := filter{tab: "open", channel: q.Get("channel")}
	for _, l := range lists {
		if q.Get("tab") == l.id {
			f.tab = l.id
		}
	}
	if q.Get("order") == string(livedesk.LongestWaiting) {
		f.order = string(livedesk.LongestWaiting)
	}
	return f
}

func (f filter) url(after livedesk.Cursor) string {
	q := url.Values{"tab": {f.tab}}
	for name, v := range map[string]string{"channel": f.channel, "order": f.order, "after": string(after)} {
		if v != "" {
			q.Set(name, v)
		}
	}
	return "/inbox?" + q.Encode()
}

func (c *console) showInbox(w http.ResponseWriter, r *http.Request, s *session) error {
	ctx, f := r.Context(), filterOf(r.URL.Query())
	channels, err := c.Desk.Channels(ctx)
	if err != nil {
		return err
	}
	agents, err := c.Desk.Agents(ctx)
	if err != nil {
		return err
	}
	counts, err := c.Desk.Counts(ctx, livedesk.CountQuery{Channel: f.channel, Agent: s.agent})
	if err != nil {
		return err
	}
	var list livedesk.List
	for _, l := range lists {
		if l.id == f.tab {
			list = l.list(s.agent)
		}
	}
	list.Channel, list.Order, list.Limit = f.channel, livedesk.Order(f.order), pageSize
	list.After = livedesk.Cursor(r.URL.Query().Get("after"))
	page, err := c.Desk.Conversations(ctx, list)
	if err != nil {
		return err
	}
	data := inboxPage{Tab: f.tab, Tabs: f.tabs(counts), Channels: f.channels(channels), Orders: f.orders()}
	who, on := nameIn(names(agents)), channelNames(channels)
	for _, conv := range page.Items {
		data.Items = append(data.Items, inboxItem{conv, on[conv.Channel], who(conv.Assignee)})
	}
	if page.Next != "" {
		data.Next = f.url(page.Next)
	}
	c.render(w, r, s, http.StatusOK, "inbox", data)
	return nil
}

func (f filter) tabs(n livedesk.Counts) (out []tab) {
	for _, l := range lists {
		g := f
		g.tab = l.id
		t := tab{Label: l.label, URL: g.url(""), Current: l.id == f.tab}
		if l.count != nil {
			t.Count, t.Badge = l.count(n), true
		}
		out = append(out, t)
	}
	return out
}

func (f filter) channels(list []livedesk.Channel) []tab {
	g := f
	g.channel = ""
	out := []tab{{Label: "All channels", URL: g.url(""), Current: f.channel == ""}}
	for _, ch := range list {
		g.channel = ch.ID
		out = append(out, tab{Label: ch.Name(), URL: g.url(""), Current: f.channel == ch.ID})
	}
	return out
}

func (f filter) orders() []tab {
	latest, waiting := f, f
	latest.order, waiting.order = "", string(livedesk.LongestWaiting)
	return []tab{
		{Label: "Latest first", URL: latest.url(""), Current: f.order == ""},
		{Label: "Longest waiting", URL: waiting.url(""), Current: f.order != ""},
	}
}
