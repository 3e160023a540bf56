package main

import (
	_ "github.com/dolthub/dolt/go/cmd/dolt/cli"
	_ "github.com/dolthub/dolt/go/cmd/dolt/commands/engine"
	_ "github.com/dolthub/dolt/go/cmd/dolt/commands/sqlserver"
	_ "github.com/dolthub/dolt/go/libraries/doltcore/env"
	_ "github.com/dolthub/dolt/go/libraries/utils/svcs"
	_ "github.com/go-sql-driver/mysql"
	_ "github.com/google/pprof/profile"
	_ "github.com/temporalio/ui-server/v2/server"
	_ "go.temporal.io/sdk/client"
	_ "go.temporal.io/server/common/membership/static"
	_ "go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	_ "go.temporal.io/server/schema/sqlite"
	_ "go.temporal.io/server/temporal"
)

func main() {}
