package console

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
)

type channelsPage struct {
	Channels  []channelRow
	Providers []providerRow
}

type channelRow struct {
	livedesk.Channel
	Number   channel.Address
	Provider string // its title
	Members  int
	Health   livedesk.Health
}

type providerRow struct{ Name, Title string }

func (c *console) showChannels(w http.ResponseWriter, r *http.Request, s *session) error {
	channels, err := c.Desk.Channels(r.Context())
	if err != nil {
		return err
	}
	healths, err := c.Desk.AllHealth(r.Context())
	if err != nil {
		return err
	}
	health := map[string]livedesk.Health{}
	for _, h := range healths {
		health[h.Channel] = h
	}
	var p channelsPage
	for _, ch := range channels {
		members, err := c.Desk.Members(r.Context(), ch.ID)
		if err != nil {
			return err
		}
		p.Channels = append(p.Channels, channelRow{ch, c.channelNumber(ch), c.title(ch.Provider), len(members), health[ch.ID]})
	}
	for _, name := range c.Engine.Providers() {
		p.Providers = append(p.Providers, providerRow{name, c.title(name)})
	}
	c.render(w, r, s, http.StatusOK, "channels", p)
	return nil
}

// title returns what a provider is called; its id where it isn't in Config.Providers any more.
func (c *console) title(provider string) string {
	form, err := c.Engine.Form(provider)
	if err != nil {
		return provider
	}
	return form.Title.EN
}

// channelPage is one channel: its settings, who answers on it, and its connection.
type channelPage struct {
	livedesk.Channel
	Number   channel.Address
	Provider string
	Webhook  string
	Modes    []modeRow
	Agents   []memberRow
	AIs      []aiRow
	Health   livedesk.Health
	Words    []wordField       // keywords of its own
	Problem  map[string]string // by field of the settings
	AIWrong  string            // what is wrong with the AI agents
	Setup    setupForm         // the connection's fields

	GreetingSize string // what it takes to send
}

type modeRow struct {
	Mode        livedesk.Mode
	Label, Help string
}

// memberRow is an agent who may be chosen for a list, and whether they are in it.
type memberRow struct {
	ID, Name string
	On       bool
}

// memberRows are all agents, with who is in a list.
func (c *console) memberRows(ctx context.Context, members []string) (rows []memberRow, err error) {
	agents, err := c.Desk.Agents(ctx)
	who := names(agents)
	for _, a := range agents {
		rows = append(rows, memberRow{a.ID, who[a.ID], slices.Contains(members, a.ID)})
	}
	return rows, err
}

// aiRow is an AI agent: its place in the channel's list, and how it is doing.
type aiRow struct {
	livedesk.AIHealth
	On    bool
	Place int
	Gone  bool // this program has none of the name
}

var modes = []modeRow{
	{livedesk.LeastLoaded, "Least loaded", "the agent on line with the fewest conversations"},
	{livedesk.ShareLoaded, "Least loaded by share", "the agent with the smallest share of their capacity in use"},
	{livedesk.RoundRobin, "Round robin", "in even turn, whatever the capacity"},
	{livedesk.RoundRobinCapped, "Round robin within capacity", "in even turn among those with room"},
}

func (c *console) showChannel(w http.ResponseWriter, r *http.Request, s *session) error {
	ch, err := c.Desk.Channel(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return c.channelForms(w, r, s, http.StatusOK, ch, nil, nil)
}

// channelForms shows a channel with its forms; settings and connection name what was wrong with them.
func (c *console) channelForms(w http.ResponseWriter, r *http.Request, s *session, status int, ch livedesk.Channel, settings, connection map[string]string) error {
	ctx := r.Context()
	p := channelPage{Channel: ch, Number: c.channelNumber(ch), Provider: c.title(ch.Provider), Modes: modes, Problem: settings}
	url, err := c.Desk.WebhookURL(ctx, ch.ID)
	if err != nil {
		return err
	}
	p.Webhook = carrierURL(ch.Provider, url)
	if p.Health, err = c.Desk.Health(ctx, ch.ID); err != nil {
		return err
	}
	if report, err := c.Desk.ReportText(ctx, ch.ID, ch.Greeting); err == nil && ch.Greeting != "" { // else the form says what is wrong
		p.GreetingSize = reportWord(report)
	}
	members, err := c.Desk.Members(ctx, ch.ID)
	if err != nil {
		return err
	}
	if p.Agents, err = c.memberRows(ctx, members); err != nil {
		return err
	}
	p.Words = wordFields(&p.Keywords)
	for field, problem := range settings {
		if strings.HasPrefix(field, "ai_agents") {
			p.AIWrong = problem
		}
	}
	p.AIs = aiRows(ch.AIAgents, c.Engine.Health(ctx).AIAgents)
	if form, err := c.Engine.Form(ch.Provider); err == nil {
		p.Setup = newSetupForm(form, ch.Values, connection, language(r), ch.ID != "")
	}
	c.render(w, r, s, status, "channel", p)
	return nil
}

// aiRows are the AI agents of a channel in their order, and those that there are beside them.
func aiRows(list []string, all []livedesk.AIHealth) (rows []aiRow) {
	for _, name := range list {
		i := slices.IndexFunc(all, func(h livedesk.AIHealth) bool { return h.Name == name })
		row := aiRow{AIHealth: livedesk.AIHealth{Name: name}, On: true, Gone: i < 0}
		if i >= 0 {
			row.AIHealth = all[i]
		}
		rows = append(rows, row)
	}
	for _, h := range all {
		if !slices.Contains(list, h.Name) {
			rows = append(rows, aiRow{AIHealth: h})
		}
	}
	for i := range rows {
		rows[i].Place = i + 1
	}
	return rows
}

// aiList reads the AI agents that were ticked, in the order of their places; of equal ones as they stood.
func aiList(r *http.Request) []string {
	type entry struct {
		name  string
		place int
	}
	var list []entry
	places := r.PostForm["ai_place"]
	for i, name := range r.PostForm["ai_name"] {
		if i < len(places) && slices.Contains(r.PostForm["ai"], name) {
			place, err := strconv.Atoi(strings.TrimSpace(places[i]))
			if err != nil { // nonsense leaves it where it stood
				place = i + 1
			}
			list = append(list, entry{name, place})
		}
	}
	slices.SortStableFunc(list, func(a, b entry) int { return a.place - b.place })
	var names []string
	for _, e := range list {
		names = append(names, e.name)
	}
	return names
}

// carrierURL is what to paste into the carrier's console. Twilio tries again only where the URL's fragment says so.
func carrierURL(provider, url string) string {
	if provider == "twilio" {
		return url + "#rc=5&rp=all"
	}
	return url
}

func (c *console) saveSettings(w http.ResponseWriter, r *http.Request, s *session) error {
	ctx := r.Context()
	ch, err := c.Desk.Channel(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	shown := ch
	shown.Version, _ = strconv.ParseInt(r.PostFormValue("version"), 10, 64) // what the form was made of; 0 counts as any
	shown.Greeting = r.PostFormValue("greeting")
	shown.Language = r.PostFormValue("language")
	readWords(r, &shown.Keywords)
	shown.Disabled = r.PostFormValue("disabled") == "true"
	shown.Assignment.Mode = livedesk.Mode(r.PostFormValue("mode"))
	shown.Assignment.Manual = r.PostFormValue("manual") == "true"
	shown.Assignment.HostAssigned = r.PostFormValue("host_assigned") == "true"
	if r.PostForm["ai_name"] != nil { // where there are none the page shows nothing of them
		shown.UseAI, shown.AIAgents = r.PostFormValue("use_ai") == "true", aiList(r)
	}
	if _, err := c.Desk.PutChannel(ctx, shown); err != nil {
		problems := byField(err)
		if wrong := wordProblems(shown.Keywords, shown.Language); len(wrong) > 0 {
			delete(problems, "keywords")
			maps.Copy(problems, wrong)
		}
		if len(problems) > 0 {
			return c.channelForms(w, r, s, statusOf(err), shown, problems, nil)
		}
		return err
	}
	if err := c.saveMembers(r, ch.ID); err != nil {
		return err
	}
	s.say("Saved.")
	http.Redirect(w, r, "/channels/"+ch.ID, http.StatusSeeOther)
	return nil
}

// saveMembers keeps the order of those who stay, and puts new ones behind them.
func (c *console) saveMembers(r *http.Request, channelID string) error {
	old, err := c.Desk.Members(r.Context(), channelID)
	if err != nil {
		return err
	}
	return c.Desk.SetMembers(r.Context(), channelID, inOrder(old, r.PostForm["member"]))
}

// inOrder is who was chosen: those of the old list in its order, then the others.
func inOrder(old, chosen []string) []string {
	list := slices.DeleteFunc(old, func(id string) bool { return !slices.Contains(chosen, id) })
	for _, id := range chosen {
		if !slices.Contains(list, id) {
			list = append(list, id)
		}
	}
	return list
}

func (c *console) removeChannel(w http.ResponseWriter, r *http.Request, s *session) error {
	if err := c.Desk.RemoveChannel(r.Context(), r.PathValue("id")); err != nil {
		return err
	}
	s.say("Channel removed. Its conversations stay.")
	http.Redirect(w, r, "/channels", http.StatusSeeOther)
	return nil
}
