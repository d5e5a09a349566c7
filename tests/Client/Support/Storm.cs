using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;
using GlanceGateway.Testing;
using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Client.Tests;

// Many readers of one mount whose process is killed again and again. What they may see:
// - the right bytes, always all that were asked for;
// - an error only through a file that was opened before or during an outage, which lasts from a kill until the next process has said that it is ready;
// - of an image that comes and goes besides: ENOENT, and EIO from the moment on at which its deletion was asked for.
// The outage is a number that counts up at its begin and at its end: odd while the mount is away. A reader remembers the number from before its open.
// Some readers leave a file alone until the process that serves was steered: what somebody has open is not read by the kernel itself before it was closed for
// two seconds, and these never let go for so long.
// The kernel's copies of the bytes are dropped before every batch of reads; otherwise the mount would soon be asked for nothing.

/// <summary>Readers that compare every byte, images that come and go, and outages.</summary>
internal sealed class Storm(int seed) : IDisposable
{
    private const int Mib = 1 << 20;

    /// <summary>POSIX_FADV_DONTNEED.</summary>
    private const int Forget = 4;

    private readonly ConcurrentDictionary<string, byte[]> _passing = new();
    private readonly ConcurrentDictionary<string, bool> _deleted = new();
    private readonly ConcurrentDictionary<string, long> _reads = new();
    private readonly CancellationTokenSource _over = new();
    private readonly TaskCompletionSource _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<Task> _tasks = [];
    private long _bytes;
    private int _outages;
    private int _steered = -1;
    private int _interrupted;
    private int _passed;
    private int _goneBeneath;

    /// <summary>Compared reads by the way that the bytes took.</summary>
    public IReadOnlyDictionary<string, long> Reads => _reads;

    public int Kills => _outages / 2;

    /// <summary>What happened, for the log of the test.</summary>
    public string Report =>
        $"{Kills} kills; {Volatile.Read(ref _bytes) / Mib} MiB compared in reads: {string.Join(", ", _reads.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{pair.Key} {pair.Value}"))}; {_interrupted} readers interrupted by kills; {_passed} images came and went, {_goneBeneath} reads of them failed";

    /// <summary>Random bytes that are known from the seed.</summary>
    public static byte[] Bytes(int seed, int size)
    {
        var content = new byte[size];
        new Random(seed).NextBytes(content);
        return content;
    }

    /// <summary>Starts readers of one file that is there all the time.</summary>
    /// <param name="way">How its bytes reach them.</param>
    /// <param name="path">The file.</param>
    /// <param name="content">What is in it.</param>
    /// <param name="below">Reads begin and end below this offset; null for the whole.</param>
    /// <param name="readers">How many threads.</param>
    /// <param name="awaits">Whether they wait for the steering, given how many kills there were; null for never.</param>
    public void Read(string way, string path, byte[] content, int? below = null, int readers = 2, Func<int, bool>? awaits = null)
    {
        for (var i = 0; i < readers; i++)
        {
            var random = new Random(HashCode.Combine(seed, _tasks.Count));
            Start(() =>
            {
                var outages = Volatile.Read(ref _outages);
                if (awaits?.Invoke(outages / 2) == true && Volatile.Read(ref _steered) != outages)
                    Thread.Sleep(20);
                else
                    ReadOnce(way, path, content, below ?? content.Length, random, () => false);
            });
        }
    }

    /// <summary>Starts readers of the images that come and go.</summary>
    public void ReadPassing(string directory, int readers = 2)
    {
        for (var i = 0; i < readers; i++)
        {
            var random = new Random(HashCode.Combine(seed, _tasks.Count));
            Start(() =>
            {
                if (_passing.ToArray() is not { Length: > 0 } there)
                {
                    Thread.Sleep(20);
                    return;
                }

                var (id, content) = there[random.Next(there.Length)];
                ReadOnce("passing", Path.Combine(directory, "by-id", id), content, content.Length, random, () => _deleted.ContainsKey(id));
            });
        }
    }

    /// <summary>Starts making and deleting images.</summary>
    /// <param name="http">To ask with.</param>
    /// <param name="endpoint">Where the service is now.</param>
    public void Pass(HttpClient http, Func<Uri> endpoint)
    {
        var random = new Random(seed);
        Queue<string> there = [];
        _tasks.Add(Task.Run(async () =>
        {
            while (!_over.IsCancellationRequested)
            {
                try
                {
                    var sample = await Service.AddAsync(http, endpoint(), "passing", Bytes(random.Next(), random.Next(1, 2 * Mib)));
                    _passing[sample.Id] = sample.Content;
                    there.Enqueue(sample.Id);
                    if (there.Count > 4)
                    {
                        var id = there.Dequeue();
                        _deleted[id] = true;
                        await Service.DeleteAsync(http, endpoint(), id);
                        _passing.TryRemove(id, out _);
                        _passed++;
                    }
                }
                catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
                {
                    // The service itself is away where it serves the mount.
                }

                await Task.Delay(random.Next(50, 300));
            }
        }));
    }

    /// <summary>Kills at random moments until the time is over.</summary>
    /// <param name="length">How long.</param>
    /// <param name="atLeast">So many kills, however long a busy host takes for them.</param>
    /// <param name="kill">Kills the process.</param>
    /// <param name="start">Starts the next one and waits until it is ready.</param>
    /// <param name="steer">What is done to every process after its start.</param>
    public async Task RageAsync(TimeSpan length, int atLeast, Func<bool, Task> kill, Func<Task> start, Func<Task> steer)
    {
        var random = new Random(seed);
        var watch = Stopwatch.StartNew();
        while ((watch.Elapsed < length || Kills < atLeast) && !_failed.Task.IsCompleted)
        {
            var steering = SteerAsync(steer);
            await Task.WhenAny(Task.Delay(random.Next(300, Requires.FullCounts ? 6000 : 4000)), _failed.Task);
            Interlocked.Increment(ref _outages);
            await kill(random.Next(2) == 0);
            await steering;
            await start();
            Interlocked.Increment(ref _outages);
        }

        await SteerAsync(steer);
        // At the end nothing disturbs any more.
        await Task.WhenAny(Task.Delay(TimeSpan.FromSeconds(2)), _failed.Task);
        await _over.CancelAsync();
        await Task.WhenAll(_tasks);
    }

    public void Dispose()
    {
        _over.Cancel();
        _over.Dispose();
    }

    private async Task SteerAsync(Func<Task> steer)
    {
        var outages = _outages;
        await steer();
        Volatile.Write(ref _steered, outages);
    }

    private void Start(Action action) => _tasks.Add(Task.Factory.StartNew(
        () =>
        {
            try
            {
                while (!_over.IsCancellationRequested)
                    action();
            }
            catch
            {
                _failed.TrySetResult();
                throw;
            }
        },
        CancellationToken.None,
        TaskCreationOptions.LongRunning,
        TaskScheduler.Default));

    /// <summary>One open, a few reads.</summary>
    private void ReadOnce(string way, string path, byte[] content, int below, Random random, Func<bool> isDeleted)
    {
        var outages = Volatile.Read(ref _outages);
        try
        {
            using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            _ = DropPages(file, 0, 0, Forget);
            for (var i = random.Next(1, 24); i > 0 && !_over.IsCancellationRequested; i--)
            {
                var count = random.Next(1, random.Next(4) == 0 ? 256 << 10 : 12 << 10);
                // Up to the end, and one byte into nothing.
                var at = random.Next(Math.Max(1, below - count + (below == content.Length ? 1 : 0)));
                Compare(way, path, file, content, at, count);
            }
        }
        catch (IOException e)
        {
            var isPassing = way == "passing";
            if ((outages & 1) != 0 || outages != Volatile.Read(ref _outages))
                Interlocked.Increment(ref _interrupted);
            else if (isPassing && (e is FileNotFoundException or DirectoryNotFoundException || isDeleted()))
                Interlocked.Increment(ref _goneBeneath);
            else
                throw new InvalidOperationException($"{way}: {path}: error {e.HResult}: {e.Message}", e);
            Thread.Sleep(20);
        }
    }

    private void Compare(string way, string path, SafeFileHandle file, byte[] content, int at, int count)
    {
        var expected = content.AsSpan(at, Math.Min(count, content.Length - at));
        var buffer = new byte[count];
        var got = 0;
        while (got < count && RandomAccess.Read(file, buffer.AsSpan(got), at + got) is > 0 and var read)
            got += read;
        if (got != expected.Length)
            throw new InvalidOperationException($"{way}: {got} bytes instead of {expected.Length} at {at} of {path}");
        if (!buffer.AsSpan(0, got).SequenceEqual(expected))
            throw new InvalidOperationException($"{way}: wrong bytes from {at + buffer.AsSpan(0, got).CommonPrefixLength(expected)} on, in {got} from {at}, of {path}");
        _reads.AddOrUpdate(way, 1, (_, reads) => reads + 1);
        Interlocked.Add(ref _bytes, got);
    }

    [DllImport("libc", EntryPoint = "posix_fadvise")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int DropPages(SafeFileHandle file, long offset, long length, int advice);
}
