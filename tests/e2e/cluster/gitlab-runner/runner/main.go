// GitLab Runner's Kubernetes executor, and the helper that it runs in its Pods: one program, with the runner's own packages.
// Its own main package has all of its executors, which need modules that Go's proxy does not have.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/urfave/cli"

	"gitlab.com/gitlab-org/gitlab-runner/commands/helpers"
	"gitlab.com/gitlab-org/gitlab-runner/common"
	"gitlab.com/gitlab-org/gitlab-runner/executors/kubernetes"
	"gitlab.com/gitlab-org/gitlab-runner/network"

	_ "gitlab.com/gitlab-org/gitlab-runner/shells"
)

func main() {
	app := cli.NewApp()
	app.Name = filepath.Base(os.Args[0])
	// Scripts ask the helper for it, to see that it is there.
	app.Version = common.AppVersion.ShortLine()
	app.Commands = []cli.Command{
		{Name: "run", ArgsUsage: "CONFIG", Action: func(from *cli.Context) error { return run(from.Args().First()) }},
		helpers.NewArtifactsDownloaderCommand(),
		helpers.NewArtifactsUploaderCommand(),
		helpers.NewCacheArchiverCommand(),
		helpers.NewCacheExtractorCommand(),
		helpers.NewCacheInitCommand(),
		helpers.NewReadLogsCommand(),
		helpers.NewHealthCheckCommand(),
		helpers.NewProxyExecCommand(),
	}
	if err := app.Run(os.Args); err != nil {
		logrus.Fatal(err)
	}
}

// run takes the jobs of every runner of a config.toml until it is ended, one after another for each runner.
func run(path string) error {
	config := common.NewConfig()
	if err := config.LoadConfig(path); err != nil {
		return err
	}
	provider := kubernetes.NewProvider()
	client := network.NewGitLabClient(network.WithExecutorProviderFunc(func(string) common.ExecutorProvider { return provider }))
	failed := make(chan error)
	for _, runner := range config.Runners {
		go func() { failed <- jobs(client, runner, provider) }()
	}
	return <-failed
}

func jobs(client common.Network, runner *common.RunnerConfig, provider common.ExecutorProvider) error {
	for {
		job, healthy := client.RequestJob(context.Background(), *runner, nil)
		if !healthy {
			return fmt.Errorf("runner %s: the coordinator gives no jobs", runner.Name)
		}
		if job == nil {
			time.Sleep(time.Second)
			continue
		}
		data, err := provider.Acquire(runner)
		if err != nil {
			return err
		}
		build, err := common.NewBuild(*job, runner, make(chan os.Signal), data, provider)
		if err != nil {
			return err
		}
		trace, err := client.ProcessJob(*runner, &common.JobCredentials{ID: job.ID, Token: job.Token})
		if err != nil {
			return err
		}
		// A job that fails has been told so by its trace.
		if err := build.Run(context.Background(), common.NewConfig(), trace); err != nil {
			logrus.WithError(err).Warnf("job %d", job.ID)
		}
		provider.Release(runner, data)
	}
}
