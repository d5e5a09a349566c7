using GlanceGateway.Abstractions;

namespace GlanceGateway.Conformance;

/// <summary>How the suite gets at one driver over one empty backend. Made anew for every test; making it starts nothing.</summary>
public abstract class DriverFixture : IAsyncDisposable
{
    /// <summary>The driver's name in its plugin's manifest.</summary>
    public abstract string DriverName { get; }

    /// <summary>Whether a run of zeros of several GiB is stored at no cost. Without, the sparse test is skipped.</summary>
    public virtual bool CheapZeros => false;

    /// <summary>Whether the backend refuses the commit of an attempt that another process has settled. True unless it is stateless up to the
    /// commit, as a single S3 PUT is.</summary>
    public virtual bool SettledAttemptsCannotCommit => true;

    /// <summary>Whether an attempt that has written <see cref="IStoreWriter.PreferredWriteSize"/> bytes and died is in the list of residue. False only
    /// when nothing of its bytes is in the backend yet: when they are held back until there are more, or all come with the commit.</summary>
    public virtual bool WritesLeaveResidue => true;

    /// <summary>Whether <see cref="BreakAsync"/> works. Without, the cases of a broken backend are skipped.</summary>
    public virtual bool CanBreak => false;

    /// <summary>The project for which images are written; null for none. For a driver that has a place for each.</summary>
    public virtual string? ProjectId => null;

    /// <summary>Whether the driver only reads. Then every test that writes is skipped, and the others read what <see cref="PlaceAsync"/> put there.</summary>
    public virtual bool ReadOnly => false;

    /// <summary>Puts an object into the backend past the driver, for one that only reads.</summary>
    /// <param name="bytes">All of it.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>Its location.</returns>
    public virtual ValueTask<string> PlaceAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) =>
        throw new InvalidOperationException("A fixture of a driver that only reads places objects itself.");

    /// <summary>Starts the driver over an empty backend, or makes it empty.</summary>
    public abstract ValueTask<IStorageDriver> OpenAsync(CancellationToken cancellationToken);

    /// <summary>Starts the driver again over the same backend, as a new process does after the old one was killed.</summary>
    /// <param name="killed">The driver of the killed process: not disposed by the suite before. A driver whose contents end with the process returns it.</param>
    /// <param name="cancellationToken">Ends the start.</param>
    public abstract ValueTask<IStorageDriver> ReopenAsync(IStorageDriver killed, CancellationToken cancellationToken);

    /// <summary>Locations that look like this one but lead out of the store; each must be refused as invalid.</summary>
    /// <param name="location">A good one.</param>
    public virtual IEnumerable<string> ForeignLocations(string location) => [];

    /// <summary>Counts what the backend holds for this store, past the driver: files, objects or bytes, the finished and the unfinished. Where it
    /// counts, the suite deletes at the end of each case what the case stored, and fails it when the count is not what it was.</summary>
    /// <param name="cancellationToken">Ends the count.</param>
    /// <returns>Null when the fixture does not count.</returns>
    public virtual ValueTask<long?> CountStoredAsync(CancellationToken cancellationToken) => ValueTask.FromResult<long?>(null);

    /// <summary>Takes the backend away from the open driver: stops the server, pulls the line. What it holds must be there again afterwards.</summary>
    /// <param name="cancellationToken">Ends it.</param>
    public virtual ValueTask BreakAsync(CancellationToken cancellationToken) =>
        throw new InvalidOperationException("A fixture that can break its backend says how.");

    /// <summary>Gives the backend back.</summary>
    /// <param name="cancellationToken">Ends it.</param>
    public virtual ValueTask MendAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;

    /// <summary>Removes the backend, after the suite has disposed the last driver.</summary>
    public virtual ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }
}
