module github.com/livedesk/livedesk-go/livedesk/aiagent

go 1.26.0

require (
	github.com/hashicorp/go-retryablehttp v0.7.8
	github.com/livedesk/livedesk-go v0.1.0
	github.com/sashabaranov/go-openai v1.43.0
	github.com/stretchr/testify v1.12.1
	golang.org/x/text v0.42.0
	mvdan.cc/xurls/v2 v2.6.0
)

require (
	github.com/golang/mock v1.6.0 // indirect
	github.com/hashicorp/go-cleanhttp v0.5.2 // indirect
	github.com/pkg/errors v0.9.1 // indirect
	github.com/rivo/uniseg v0.4.7 // indirect
	github.com/twilio/twilio-go v1.31.0 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/time v0.16.0 // indirect
)

replace github.com/livedesk/livedesk-go => ../..
