using System.Text;
using Dapper;
using DbUp.Engine;
using GlanceGateway.Registry;
using GlanceGateway.Registry.Database;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;

namespace GlanceGateway.Registry.Tests;

public sealed class SqliteSchemaTests : IAsyncDisposable
{
    private static readonly int Current = SchemaScripts.NumberOf(SqliteSchema.Scripts[^1].Name);

    private readonly SqliteHome _file = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _file.DisposeAsync();

    private Task<ImageRegistry> OpenNewer(string script = "ALTER TABLE images ADD COLUMN later TEXT") => _file.TrackAsync(ImageRegistry.OpenAsync(
        new RegistryOptions { DatabasePath = _file.Path, InstanceId = "gateway-1" },
        [.. SqliteSchema.Scripts, new SqlScript($"{Current + 1:0000}_later.sql", script)],
        _file.Clock, NullLoggerFactory.Instance, Cancellation));

    private string[] Copies() => [.. Directory.GetFiles(Path.GetDirectoryName(_file.Path)!, "*before*").Select(Path.GetFileName).Order()!];

    [Fact]
    public async Task A_new_file_is_made_and_not_copied()
    {
        await (await _file.OpenAsync()).Insert(new Image { Id = "a" });
        Assert.True(File.Exists(_file.Path));
        Assert.Empty(Copies());
    }

    [Fact]
    public async Task Opening_again_changes_nothing()
    {
        await using (var registry = await _file.OpenAsync())
            await registry.Insert(new Image { Id = "a", Name = "n" });
        Assert.Equal("n", (await (await _file.OpenAsync()).Find("a"))!.Name);
        Assert.Empty(Copies());
    }

    [Fact]
    public async Task Commits_are_durable_and_logged_ahead()
    {
        await using (await _file.OpenAsync())
        {
            // Only for the schema.
        }

        await using var connection = SqliteDatabase.Open(_file.Path, SqliteOpenMode.ReadWrite);
        SqliteDatabase.MakeWriter(connection);
        Assert.Equal("wal", await connection.ExecuteScalarAsync<string>("PRAGMA journal_mode"));
        Assert.Equal(2, await connection.ExecuteScalarAsync<int>("PRAGMA synchronous"));
        Assert.Equal(1, await connection.ExecuteScalarAsync<int>("PRAGMA foreign_keys"));
        Assert.Equal("normal", await connection.ExecuteScalarAsync<string>("PRAGMA locking_mode"));
    }

    [Fact]
    public async Task The_file_is_copied_before_its_schema_changes()
    {
        await using (var registry = await _file.OpenAsync())
            await registry.Insert(new Image { Id = "a", Name = "n" });
        await using (var newer = await OpenNewer())
        {
            Assert.Equal("n", (await newer.Find("a"))!.Name);
            await newer.Delete("a");
        }

        Assert.Equal([$"registry.db.before-{Current + 1}"], Copies());
        var copy = await _file.OpenFileAsync($"{_file.Path}.before-{Current + 1}");
        Assert.Equal("n", (await copy.Find("a"))!.Name);
    }

    [Fact]
    public async Task A_script_that_fails_leaves_the_file_as_it_was_and_no_copy_is_overwritten()
    {
        await using (var registry = await _file.OpenAsync())
            await registry.Insert(new Image { Id = "a" });
        for (var attempt = 0; attempt < 2; attempt++)
        {
            var refused = await Assert.ThrowsAsync<RegistryException>(() => OpenNewer(
                """
                ALTER TABLE images ADD COLUMN later TEXT;
                INSERT INTO nowhere VALUES (1);
                """));
            Assert.Contains(_file.Path, refused.Message, StringComparison.Ordinal);
            Assert.Contains("later.sql", refused.Message, StringComparison.Ordinal);
        }

        Assert.Equal([$"registry.db.before-{Current + 1}", $"registry.db.before-{Current + 1}.2"], Copies());
        await using (var registry = await _file.OpenAsync())
            Assert.NotNull(await registry.Find("a"));
        Assert.NotNull(await (await OpenNewer()).Find("a"));
    }

    [Fact]
    public async Task Every_statement_of_a_script_runs()
    {
        await using (await _file.OpenAsync())
        {
            // Only for the schema.
        }

        var registry = await OpenNewer(
            """
            -- The first has result columns, unseen; the second holds semicolons at the ends of lines.
            ALTER TABLE images ADD COLUMN later TEXT;
            CREATE TRIGGER later AFTER UPDATE ON leases BEGIN
                DELETE FROM changes;
                DELETE FROM store_intents;
            END;
            SELECT 'a;
            b';
            CREATE TABLE last (id TEXT)
            """);
        Assert.Equal(0, await registry.Count("last"));
        Assert.Equal(1, await registry.Count("sqlite_master WHERE type = 'trigger' AND name = 'later'"));
    }

    [Fact]
    public async Task A_newer_schema_is_refused_by_name()
    {
        await using (await OpenNewer())
        {
            // Only for the schema.
        }

        var before = await File.ReadAllBytesAsync(_file.Path, Cancellation);
        var refused = await Assert.ThrowsAsync<RegistryException>(() => _file.OpenAsync());
        Assert.Contains(_file.Path, refused.Message, StringComparison.Ordinal);
        Assert.Contains($"schema {Current + 1}", refused.Message, StringComparison.Ordinal);
        Assert.Contains($"up to {Current}", refused.Message, StringComparison.Ordinal);
        Assert.Contains("newer version", refused.Message, StringComparison.Ordinal);
        Assert.Equal(before, await File.ReadAllBytesAsync(_file.Path, Cancellation));
    }

    [Theory]
    [InlineData(10)]
    [InlineData(100_000)]
    public async Task A_file_of_something_else_is_refused_and_left_alone(int length)
    {
        var garbage = Encoding.ASCII.GetBytes(new string('x', length));
        await File.WriteAllBytesAsync(_file.Path, garbage, Cancellation);
        var refused = await Assert.ThrowsAsync<RegistryException>(() => _file.OpenAsync());
        Assert.Contains(_file.Path, refused.Message, StringComparison.Ordinal);
        Assert.Contains("not a registry", refused.Message, StringComparison.Ordinal);
        Assert.Equal(garbage, await File.ReadAllBytesAsync(_file.Path, Cancellation));
    }

    [Fact]
    public async Task Another_database_is_refused_and_left_alone()
    {
        await using (var other = SqliteDatabase.Open(_file.Path, SqliteOpenMode.ReadWriteCreate))
            await other.ExecuteAsync("CREATE TABLE images (id TEXT)");
        var before = await File.ReadAllBytesAsync(_file.Path, Cancellation);
        var refused = await Assert.ThrowsAsync<RegistryException>(() => _file.OpenAsync());
        Assert.Contains("not a registry", refused.Message, StringComparison.Ordinal);
        Assert.Equal(before, await File.ReadAllBytesAsync(_file.Path, Cancellation));
    }

    [Fact]
    public async Task A_missing_directory_is_named()
    {
        var path = Path.Combine(Path.GetDirectoryName(_file.Path)!, "missing", "registry.db");
        var refused = await Assert.ThrowsAsync<RegistryException>(() => _file.OpenFileAsync(path));
        Assert.Contains(path, refused.Message, StringComparison.Ordinal);
        Assert.Contains("must exist", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_was_acknowledged_outlives_a_crash()
    {
        var registry = await _file.OpenAsync();
        using var stop = new CancellationTokenSource();
        var acknowledged = new List<string>();
        var writing = Task.Run(
            async () =>
            {
                while (!stop.IsCancellationRequested)
                {
                    var image = await registry.Insert(new Image { Id = Units.NewId(), Tags = ["t"] });
                    lock (acknowledged)
                        acknowledged.Add(image.Id);
                }
            },
            Cancellation);

        for (var crash = 0; crash < 5; crash++)
        {
            await Task.Delay(20, Cancellation);
            string[] before;
            lock (acknowledged)
                before = [.. acknowledged];

            // What a crash leaves: the file and its log as they are, in the middle of whatever the writer does.
            var copy = $"{_file.Path}.crash-{crash}";
            File.Copy(_file.Path, copy);
            File.Copy(_file.Path + "-wal", copy + "-wal");
            await using var survivor = await _file.OpenFileAsync(copy);
            foreach (var id in before)
                Assert.Equal(["t"], (await survivor.Find(id))!.Tags);
        }

        await stop.CancelAsync();
        await writing;
    }
}
