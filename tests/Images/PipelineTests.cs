using System.IO.Pipelines;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Images.Tests;

/// <summary>What a writer sees when a transfer ends early.</summary>
public sealed class PipelineTests
{
    private const int Size = 1 << 16;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_body_that_fails_waits_for_the_writer_to_let_go_of_the_buffer()
    {
        var writer = new HeldWriter();
        var body = new Pipe(new PipeOptions(pauseWriterThreshold: 0));
        await body.Writer.WriteAsync(Filled(Size), Token);
        var running = RunAsync(body.Reader, writer);
        var buffer = await writer.Writing;
        await body.Writer.CompleteAsync(new IOException("The client went away."));
        await Task.Delay(200, Token);
        Assert.False(running.IsCompleted);

        // Had the buffer gone back to the pool, the next to rent one of its size would get it and change it here.
        foreach (var rented in Enumerable.Range(0, 8).Select(_ => System.Buffers.ArrayPool<byte>.Shared.Rent(Size)).ToList())
        {
            rented.AsSpan().Fill(0xee);
            System.Buffers.ArrayPool<byte>.Shared.Return(rented);
        }

        Assert.Equal(Filled(Size), buffer.ToArray());
        writer.LetGo(StoreOutcome.Ok);
        await Assert.ThrowsAsync<IOException>(() => running);
    }

    [Theory]
    [InlineData(StoreOutcome.Full, ImageError.TooLarge)]
    [InlineData(StoreOutcome.Denied, ImageError.Unavailable)]
    public async Task What_the_writer_answers_ends_the_transfer(StoreOutcome outcome, ImageError expected)
    {
        var writer = new HeldWriter();
        writer.LetGo(outcome);
        var body = PipeReader.Create(new MemoryStream(Filled(3 * Size)));
        Assert.Equal(expected, await ImageWorld.RefusalAsync(RunAsync(body, writer)));
        Assert.Equal(1, writer.Writes);
    }

    [Fact]
    public async Task A_writer_that_throws_at_once_is_waited_for_with_the_hashes()
    {
        var writer = new HeldWriter { Fault = new StoreException(StoreError.Unavailable, "down") };
        await Assert.ThrowsAsync<StoreException>(() => RunAsync(PipeReader.Create(new MemoryStream(Filled(3 * Size))), writer));
    }

    private static byte[] Filled(int length) => [.. Enumerable.Repeat((byte)0x11, length)];

    private static Task<UploadedData> RunAsync(PipeReader body, IStoreWriter writer) =>
        new UploadPipeline(new ImageOptions(), TimeProvider.System).RunAsync(body, null, writer, reserve: null, signature: null, Token);

    /// <summary>Keeps the buffer of its first write until told.</summary>
    private sealed class HeldWriter : IStoreWriter
    {
        private readonly TaskCompletionSource<ReadOnlyMemory<byte>> writing = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource<StoreOutcome> answer = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public int PreferredWriteSize => Size;

        public int Writes { get; private set; }

        public Exception? Fault { get; init; }

        public Task<ReadOnlyMemory<byte>> Writing => writing.Task;

        public void LetGo(StoreOutcome outcome) => answer.SetResult(outcome);

        public ValueTask<StoreOutcome> WriteAsync(ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
        {
            Writes++;
            writing.TrySetResult(data);
            return Fault is null ? new ValueTask<StoreOutcome>(answer.Task) : throw Fault;
        }

        public ValueTask<StoreOutcome> WriteZerosAsync(long length, CancellationToken cancellationToken) => throw new InvalidOperationException("Nothing here is zero.");

        public ValueTask<StoreResult<StoredObject>> CommitAsync(CancellationToken cancellationToken) => throw new InvalidOperationException("The pipeline never commits.");

        public ValueTask DisposeAsync() => default;
    }
}
