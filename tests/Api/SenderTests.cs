using System.Text;
using GlanceGateway.Abstractions;
using GlanceGateway.Api.V2;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace GlanceGateway.Api.Tests;

/// <summary>What happens to a download when its source or its client does not do what it should.</summary>
public sealed class SenderTests
{
    [Fact]
    public async Task A_source_that_ends_early_cuts_the_connection() => await AssertCutAsync(new FakeSource { Promised = 1000, Delivered = 600 });

    [Fact]
    public async Task A_source_that_fails_on_its_way_cuts_the_connection() =>
        await AssertCutAsync(new FakeSource { Promised = 1000, Delivered = 600, Failure = new StoreException(StoreError.Unavailable, "gone") });

    [Fact]
    public async Task A_source_that_keeps_its_promise_is_sent_whole()
    {
        var (text, wasReset) = await DownloadAsync(new FakeSource { Promised = 1000, Delivered = 1000 });
        Assert.False(wasReset);
        Assert.Equal(1000, text.Split("\r\n\r\n")[1].Length);
    }

    [Theory]
    [InlineData(StoreError.Unavailable, "503 Service Unavailable")]
    [InlineData(StoreError.Corrupt, "500 Internal Server Error")]
    public async Task A_source_that_cannot_begin_is_an_answer(StoreError error, string status)
    {
        var (text, _) = await DownloadAsync(new FakeSource { Promised = 1000, OpenFailure = new StoreException(error, "rados://secret") });
        Assert.StartsWith($"HTTP/1.1 {status}", text, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_that_takes_nothing_is_cut_off()
    {
        var source = new FakeSource { Promised = 1L << 30, Delivered = 1L << 30 };
        await using var server = await ServeAsync(source);
        await using var connection = await RawConnection.OpenAsync(new Uri(server.Urls.Single()), receiveBuffer: 4096);
        await connection.SendRequestAsync("GET /", Persona.Nobody);
        await connection.ReadHeadAsync();
        await source.Closed.Task.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
        Assert.InRange(source.Sent, 1, 64 << 20);
    }

    [Fact]
    public async Task A_client_that_goes_away_ends_the_reading()
    {
        var source = new FakeSource { Promised = 1L << 40, Delivered = 1L << 40 };
        await using var server = await ServeAsync(source);
        await using (var connection = await RawConnection.OpenAsync(new Uri(server.Urls.Single())))
        {
            await connection.SendRequestAsync("GET /", Persona.Nobody);
            await connection.ReadHeadAsync();
            connection.Reset();
        }
        await source.Closed.Task.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task A_source_without_a_length_is_sent_to_its_end()
    {
        var (text, _) = await DownloadAsync(new FakeSource { Promised = null, Delivered = 5 });
        Assert.Contains("Transfer-Encoding: chunked", text, StringComparison.Ordinal);
        Assert.EndsWith("\r\n5\r\n\0\0\0\0\0\r\n0\r\n\r\n", text, StringComparison.Ordinal);
    }

    /// <summary>The client must not be able to take what it got for the whole; a cut may even overtake the first bytes.</summary>
    private static async Task AssertCutAsync(FakeSource source)
    {
        var (text, wasReset) = await DownloadAsync(source);
        Assert.True(wasReset || (text.Contains("Content-Length: 1000", StringComparison.Ordinal) && text.Split("\r\n\r\n")[1].Length < 1000), text);
        Assert.Equal(600, source.Sent);
    }

    private static async Task<(string Text, bool WasReset)> DownloadAsync(FakeSource source)
    {
        await using var server = await ServeAsync(source);
        await using var connection = await RawConnection.OpenAsync(new Uri(server.Urls.Single()));
        await connection.SendRequestAsync("GET /", Persona.Nobody, "Connection: close");
        var (bytes, wasReset) = await connection.ReadToEndAsync(TimeSpan.FromSeconds(20));
        return (Encoding.Latin1.GetString(bytes), wasReset);
    }

    private static async Task<WebApplication> ServeAsync(FakeSource source)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        var frame = new RequestFrame(new ApiOptions(), TimeProvider.System, NullLogger.Instance);
        app.MapGet("/", (RequestDelegate)(http => frame.RunAsync(http, async inner =>
        {
            inner.Response.ContentLength = source.Length;
            await new ImageSender(inner, TimeSpan.FromSeconds(1), TimeProvider.System).SendAsync(source, 0, source.Length, inner.RequestAborted);
        })));
        await app.StartAsync(TestContext.Current.CancellationToken);
        return app;
    }

    /// <summary>Promises one thing and delivers another.</summary>
    private sealed class FakeSource : IByteSource
    {
        private long sent;

        public long? Promised { get; init; }

        public long Delivered { get; init; }

        public StoreException? Failure { get; init; }

        public StoreException? OpenFailure { get; init; }

        /// <summary>Ends when the stream is disposed.</summary>
        public TaskCompletionSource Closed { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public long Sent => Interlocked.Read(ref sent);

        public long? Length => Promised;

        public string? Validator => null;

        public ByteSourceHints Hints => new(65536, 1, Ranges: true);

        public ValueTask<Stream> OpenRangeAsync(long offset, long? length, CancellationToken cancellationToken) =>
            OpenFailure is null ? new(new FakeStream(this)) : throw OpenFailure;

        public ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;

        public int Take(int most)
        {
            var count = (int)Math.Min(most, Delivered - sent);
            if (count == 0 && Failure is not null)
                throw Failure;
            Interlocked.Add(ref sent, count);
            return count;
        }
    }

    private sealed class FakeStream(FakeSource source) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var count = source.Take(buffer.Length);
            buffer.Span[..count].Clear();
            return new(count);
        }

        public override int Read(byte[] buffer, int offset, int count) => source.Take(count);

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override ValueTask DisposeAsync()
        {
            source.Closed.TrySetResult();
            return base.DisposeAsync();
        }
    }
}
