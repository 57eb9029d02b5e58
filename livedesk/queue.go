package livedesk

// Queue is a line of conversations that wait for the same people: the human agents of a channel ("channel:ID"), a team
// ("team:ID") or one agent ("agent:ID"). Its row is the lock under which places are given.
type Queue struct {
	Workspace string
	ID        string
	Count     int64    // automatic assignments made so far; gives [Member] Last its numbers
	Members   []Member // in list order
	// Waiting is the head of the line: priority first, then the longest waiting, then id; as many as were asked for.
	Waiting []Conversation
	// More reports that there are others behind Waiting, or that some were locked by somebody else: look again.
	More    bool
	Version int64
}

// Member is an agent's place in a [Queue].
type Member struct {
	Agent string `json:"agent"`
	Last  int64  `json:"last"` // Count at the last automatic assignment; 0 means never
}

// ChannelQueue returns the id of the queue of a channel's human agents.
func ChannelQueue(channelID string) string { return "channel:" + channelID }

// TeamQueue returns the id of a team's queue.
func TeamQueue(teamID string) string { return "team:" + teamID }

// AgentQueue returns the id of one agent's own queue.
func AgentQueue(agentID string) string { return "agent:" + agentID }
