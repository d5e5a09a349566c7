using GlanceGateway.Abstractions;

namespace GlanceGateway.Blocks;

/// <summary>One source for a reader and the fetches it began: disposed when the last of them lets go, so that a reader who leaves ends no fetch of others.</summary>
internal sealed class SharedSource
{
    private readonly Lock _gate = new();
    private readonly Func<CancellationToken, ValueTask<IByteSource>>? _open;
    private Task<IByteSource>? _opening;
    private int _holders = 1;

    /// <summary>Over an open source, which it takes over.</summary>
    public SharedSource(IByteSource source)
    {
        Opened = source;
        _opening = Task.FromResult(source);
    }

    /// <summary>Over one that is opened when a block is missing.</summary>
    public SharedSource(Func<CancellationToken, ValueTask<IByteSource>> open) => _open = open;

    /// <summary>The source if it was open from the beginning.</summary>
    public IByteSource? Opened { get; }

    /// <summary>One holder more.</summary>
    /// <exception cref="ObjectDisposedException">The last holder has gone.</exception>
    public void Hold()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_holders == 0, this);
            _holders++;
        }
    }

    /// <summary>The source, opened now if need be. A failure is not kept: the next one asks again.</summary>
    public Task<IByteSource> GetAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_holders == 0, this);
            if (_opening is null || _opening.IsFaulted || _opening.IsCanceled)
                _opening = _open!(CancellationToken.None).AsTask();
            return _opening.WaitAsync(cancellationToken);
        }
    }

    /// <summary>One holder less.</summary>
    public async ValueTask ReleaseAsync()
    {
        Task<IByteSource>? last;
        lock (_gate)
        {
            if (--_holders != 0)
                return;
            last = _opening;
        }

        if (last is null)
            return;
        IByteSource source;
        try
        {
            source = await last;
        }
        catch (Exception)
        {
            // It was never open; who asked for it has got this failure.
            return;
        }

        await source.DisposeAsync();
    }
}
