module github.com/livedesk/livedesk-go/routing/bench

go 1.26.0

require (
	github.com/expr-lang/expr v1.17.8
	github.com/livedesk/livedesk-go v0.1.0
	github.com/santhosh-tekuri/jsonschema/v6 v6.0.3
	github.com/stretchr/testify v1.12.1
	golang.org/x/text v0.41.0
)

require go.yaml.in/yaml/v3 v3.0.5 // indirect

replace github.com/livedesk/livedesk-go => ../..
