module github.com/livedesk/livedesk-go/livedesk/sqlitestore

go 1.26.0

require github.com/livedesk/livedesk-go v0.1.0

replace github.com/livedesk/livedesk-go => ../..
