using System.Diagnostics;
using System.Runtime.ExceptionServices;

namespace GlanceGateway.View.Tests;

/// <summary>
/// Does what a client of a mount does on a thread of its own or in another process, with a deadline: a server and its client
/// in one process must not wait for each other through the thread pool, and a defect shall fail a test instead of hanging it.
/// </summary>
internal static class Client
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(60);

    internal static void Run(Action action) => Begin(action).Join();

    internal static T Run<T>(Func<T> function)
    {
        T result = default!;
        Run(() => { result = function(); });
        return result;
    }

    internal static Running Begin(Action action) => new(action);

    /// <summary>Runs a program and gives its exit code and output.</summary>
    internal static (int ExitCode, string Output) Execute(string program, params string[] arguments)
    {
        ProcessStartInfo start = new(program) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(s_deadline))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{program} did not end within {s_deadline.TotalSeconds} s");
        }

        process.WaitForExit();
        return (process.ExitCode, output.GetAwaiter().GetResult() + error.GetAwaiter().GetResult());
    }

    internal static string Succeed(string program, params string[] arguments)
    {
        (int code, string output) = Execute(program, arguments);
        Assert.True(code == 0, $"{program} {string.Join(' ', arguments)} ended with {code}: {output}");
        return output;
    }

    internal static TimeSpan Eventually(Func<bool> condition, string what)
    {
        long start = Stopwatch.GetTimestamp();
        while (!Run(condition))
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < s_deadline, "never happened: " + what);
            Thread.Sleep(2);
        }

        return Stopwatch.GetElapsedTime(start);
    }

    /// <summary>A client at work.</summary>
    internal sealed class Running
    {
        private readonly Thread _thread;
        private Exception? _failure;

        internal Running(Action action)
        {
            _thread = new Thread(() =>
            {
                try
                {
                    action();
                }
                catch (Exception e)
                {
                    _failure = e;
                }
            })
            {
                IsBackground = true,
                Name = "client",
            };
            _thread.Start();
        }

        internal bool Ended => _thread.Join(0);

        internal void Join()
        {
            Assert.True(_thread.Join(s_deadline), $"the client did not end within {s_deadline.TotalSeconds} s");
            if (_failure is { } failure)
            {
                ExceptionDispatchInfo.Throw(failure);
            }
        }
    }
}
